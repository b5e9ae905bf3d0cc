"""Learning that descends no cost: games, agents, memories, local rules, topics, drifting codes."""
