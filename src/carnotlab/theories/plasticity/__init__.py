"""Synapses that change by what is known at the synapse, and codes that drift."""
