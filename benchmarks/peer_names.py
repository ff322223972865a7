"""The peers that are measured; peers.py and peer_tensors.py have their adapters."""

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
TENSORS = {
    "hessian": ("numdifftools", "scipy.differentiate", "statsmodels", "optimagic", "derivkit-1.4"),
    "jacobian": tuple(name for name in NAMES if name != "five-point"),
}
