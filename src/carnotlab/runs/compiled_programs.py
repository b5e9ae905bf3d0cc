"""Compiled programs kept on disk, so that a process need not compile what another one has."""

import os
from pathlib import Path


def keep_compiled_programs() -> None:
    """Have JAX keep compiled programs in the user's cache and look there before it compiles.

    The folder is ``$CARNOT_CACHE``, else ``carnot`` in the user's cache folder. It may be deleted
    at any time. A folder that cannot be written, or a setting of JAX's own
    (``JAX_COMPILATION_CACHE_DIR``), leaves things as they are. For processes of Carnot's own: a
    library must not decide this for the program that imports it.
    """
    import jax

    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    folder = cache_folder() / "programs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(folder, os.W_OK):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # Small programs count, too: a sweep draws its starts by dozens of them.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def cache_folder() -> Path:
    """Return where Carnot keeps what can be made again.

    >>> cache_folder().name
    'carnot'
    """
    own = os.environ.get("CARNOT_CACHE")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "carnot"
