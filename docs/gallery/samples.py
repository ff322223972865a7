"""The samples along one parameter

What the model returned around x0, the tangent, and a local fit; `result.plot_samples("gamma")`.
"""

import epidemic

from derivkit import CalculusKit

kit = CalculusKit(epidemic.log_likelihood, [1.66, 0.45], names=["beta", "gamma"])
result = kit.gradient_result()
ax = result.plot_samples("gamma")
