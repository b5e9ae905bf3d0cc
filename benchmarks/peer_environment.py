"""Build an environment of its own for neural-tangents, which needs an older JAX than the library.

    python3 benchmarks/peer_environment.py FOLDER

makes a virtual environment at FOLDER, unless it is there already, and prints the path of its
interpreter. Versions are pinned.
"""

import subprocess
import sys
import venv
from pathlib import Path

VERSIONS = ("neural-tangents==0.6.5", "jax==0.4.38", "jaxlib==0.4.38", "numpy==2.2.6")
DONE = "versions.txt"


def peer_interpreter(folder: Path) -> Path:
    """Return the interpreter of the environment at ``folder``, built first if need be."""
    windows = sys.platform == "win32"
    interpreter = folder / ("Scripts/python.exe" if windows else "bin/python")
    wanted, done = "\n".join(VERSIONS), folder / DONE
    if done.exists() and done.read_text() == wanted:
        return interpreter
    venv.create(folder, with_pip=True, clear=True)
    # Standard output is for the interpreter's path alone.
    subprocess.run([interpreter, "-m", "pip", "install", *VERSIONS], check=True, stdout=sys.stderr)
    done.write_text(wanted)
    return interpreter


def main() -> int:
    """Build the environment and print its interpreter's path."""
    if len(sys.argv) != 2:
        print("usage: peer_environment.py FOLDER", file=sys.stderr)
        return 2
    print(peer_interpreter(Path(sys.argv[1]).resolve()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
