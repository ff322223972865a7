"""How the answer came together

Distance from the answer against model calls, in the order in which they were made; the likelihood of
1048 supernovae, `result.plot_convergence()`.
"""

import supernovae

from derivkit import CalculusKit

x0, names = list(supernovae.FIDUCIAL.values()), list(supernovae.FIDUCIAL)
result = CalculusKit(supernovae.log_likelihood, x0, names=names).gradient_result()
ax = result.plot_convergence()
