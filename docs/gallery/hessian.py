"""A Hessian of parameters in unlike units

The log-likelihood of 1048 supernovae. `result.plot()` scales Hessians whose diagonal spans more than
a factor of 1000 to a diagonal of ±1, as `form="scaled"` does always; `form="entries"` never does.
"""

import supernovae

from derivkit import CalculusKit

x0, names = list(supernovae.FIDUCIAL.values()), list(supernovae.FIDUCIAL)
result = CalculusKit(supernovae.log_likelihood, x0, names=names).hessian_result()
ax = result.plot(form="scaled")
