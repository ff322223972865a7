"""The peers that are measured; their adapters are in peers.py, which runs in their environment."""

NAMES = (
    "numdifftools",
    "jacobi",
    "scipy.differentiate",
    "scipy 3-point",
    "statsmodels",
    "optimagic",
    "derivkit-1.4",
    "five-point",
)
