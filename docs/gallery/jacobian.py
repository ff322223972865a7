"""A Jacobian with coordinates of its outputs

How the distances of supernovae depend on the parameters of the universe, by redshift;
`result.plot(outputs=redshifts)`.
"""

import supernovae

from derivkit import CalculusKit

x0, names = list(supernovae.FIDUCIAL.values()), list(supernovae.FIDUCIAL)
every = slice(None, None, 5)
kit = CalculusKit(lambda theta: supernovae.magnitudes(theta)[every], x0, names=names)
ax = kit.jacobian_result().plot(outputs=supernovae.REDSHIFT[every])
ax.set_ylabel("redshift")
