"""Functions of functions: derivatives that take a point, for optimisers and samplers."""

from derivkit.transforms.functions import grad, hessian, jacobian, jvp, value_and_grad, vjp

__all__ = ["grad", "hessian", "jacobian", "jvp", "value_and_grad", "vjp"]
