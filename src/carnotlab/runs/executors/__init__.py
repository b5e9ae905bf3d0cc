"""Where work is carried out: this process, processes of this machine, or a Dask cluster."""
