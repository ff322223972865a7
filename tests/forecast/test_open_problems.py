"""Fifteen forecasts with exact answers and the verdict that each deserves.

Answers are closed forms, or were computed with 60 digits (integrals and inverses) or by automatic
differentiation (tensors).
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import quad

from benchmarks.forecast_coverage import coverage
from derivkit import ForecastKit, LikelihoodKit, Poisson, Verdict

K = np.linspace(0.01, 1, 50)


def off(found, exact):
    """Largest difference, relative to the exact numbers."""
    exact = np.asarray(exact)
    return np.max(np.abs(np.asarray(found) - exact) / np.abs(exact))


def sigmas(A):
    """Standard deviations from whitened derivatives, by a QR of scaled columns."""
    size = np.linalg.norm(A, axis=0)
    R = np.linalg.qr(A / size, mode="r")
    return np.linalg.norm(np.linalg.inv(R) / size[:, None], axis=1)


def is_honest(result, exact):
    """Whether sigmas are as exact as their errors say, and these say something."""
    return bool((np.abs(result.sigma - exact) <= result.sigma_error).all()) and bool(
        (result.sigma_error < 1e-3 * result.sigma).all()
    )


def test_straight_line():
    x, s = np.linspace(-1.0, 3.0, 9), 0.1 * (1 + np.arange(9) % 3)
    kit = ForecastKit(lambda t: t[0] + t[1] * x, [1.0, 0.5], s**2, names=["a", "b"])
    result = kit.fisher_result()
    F = [[408.33333333333326, 274.99999999999994], [274.99999999999994, 837.4999999999998]]
    sigma = [0.056074145004397426, 0.03915413820929774]
    assert off(result.value, F) < 1e-12
    assert off(result.sigma, sigma) < 1e-12
    assert is_honest(result, sigma)
    bias = result.bias(0.02 * x**2)
    assert off(bias.shift, [0.022467735627688695, 0.027547907704341026]) < 1e-11
    assert bias.verdict is Verdict.TRUSTWORTHY
    assert off(result.figure_of_merit("a", "b").value, 516.0951139728668) < 1e-11
    assert off(result.correlation[0, 1], -0.4702544013078841) < 1e-12
    area = result.ellipse("a", "b", level=1 - math.exp(-0.5)).area
    assert off(area, 0.0060872357992425375) < 1e-11
    assert kit.check_gaussian(result).verdict is Verdict.TRUSTWORTHY


Z = np.r_[0.025, 0.05, 0.1, 0.15, 0.2, 0.3:1.2:0.1, 1.2, 1.4, 1.7]
N = np.array([300, 35, 64, 95, 124, 150, 171, 183, 179, 170, 155, 142, 130, 119, 107, 94, 80])
NODES, WEIGHTS = np.polynomial.legendre.leggauss(60)


def moduli(theta):
    """Distance moduli of a flat universe: Om, w0, wa, and an offset."""
    om, w0, wa, offset = theta
    z = 0.5 * Z[:, None] * (NODES + 1)
    dark = (1 + z) ** (3 * (1 + w0 + wa)) * np.exp(-3 * wa * z / (1 + z))
    square = om * (1 + z) ** 3 + (1 - om) * dark
    return offset + 5 * np.log10((1 + Z) * 0.5 * Z * (square**-0.5 @ WEIGHTS))


def test_supernovae():
    variances = 0.15**2 / N + (0.02 * Z / 1.7) ** 2
    kit = ForecastKit(moduli, [0.28, -1.0, 0.0, 43.0], variances, names=["Om", "w0", "wa", "M"])
    check = kit.check_gaussian()
    result = check.fisher
    sigma = [0.09155027864810739, 0.07368021707166067, 1.3197225133869785, 0.010246528737398354]
    assert off(result.sigma, sigma) < 1e-7
    assert is_honest(result, sigma)
    assert off(result.figure_of_merit("w0", "wa").value, 10.56280188559771) < 1e-7
    pivot = result.pivot("w0", "wa")
    assert off([pivot.a, pivot.sigma], [1.0127402059790023, 0.07173617896748652]) < 1e-7
    assert check.verdict is result.verdict is Verdict.NOT_GAUSSIAN
    assert "wa" in check.message
    prior = [0.009940873040720988, 0.06602777701196746, 0.35061916673590265, 0.008963754448882769]
    known = result.with_prior({"Om": 0.01})
    assert off(known.sigma, prior) < 1e-7
    assert kit.check_gaussian(known).verdict is Verdict.TRUSTWORTHY


def exact_moduli():
    """Derivatives at (0.28, -1, 0), by quadrature of their closed forms."""
    om = 0.28
    changes = [
        lambda z: (1 + z) ** 3 - 1,
        lambda z: (1 - om) * 3 * math.log(1 + z),
        lambda z: (1 - om) * 3 * (math.log(1 + z) - z / (1 + z)),
    ]

    def square(z):
        return om * (1 + z) ** 3 + 1 - om

    tight = {"epsabs": 1e-14, "epsrel": 1e-13}
    rows = []
    for z in Z:
        distance = quad(lambda t: square(t) ** -0.5, 0, z, **tight)[0]
        parts = [
            quad(lambda t, c=c: -0.5 * c(t) * square(t) ** -1.5, 0, z, **tight)[0] for c in changes
        ]
        rows.append([*(5 / math.log(10) * np.array(parts) / distance), 1.0])
    return np.array(rows)


def test_supernovae_have_the_sigmas_of_closed_forms_and_are_not_gaussian_without_a_prior():
    variances = 0.15**2 / N + (0.02 * Z / 1.7) ** 2
    kit = ForecastKit(moduli, [0.28, -1.0, 0.0, 43.0], variances, names=["Om", "w0", "wa", "M"])
    A = exact_moduli() / np.sqrt(variances)[:, None]
    C = np.linalg.inv(A.T @ A)
    check = kit.check_gaussian()
    result = check.fisher
    assert np.allclose(result.sigma, np.sqrt(np.diag(C)), rtol=1e-7)
    assert check.verdict is Verdict.NOT_GAUSSIAN
    assert "wa" in check.message
    merit = result.figure_of_merit("w0", "wa")
    assert math.isclose(merit.value, 1 / math.sqrt(np.linalg.det(C[1:3, 1:3])), rel_tol=1e-7)
    assert merit.error < 1e-6 * merit.value
    pivot = result.pivot("w0", "wa")
    assert math.isclose(pivot.a, 1 + C[1, 2] / C[2, 2], rel_tol=1e-6)
    assert math.isclose(pivot.sigma, math.sqrt(C[1, 1] - C[1, 2] ** 2 / C[2, 2]), rel_tol=1e-7)
    with_prior = result.with_prior({"Om": 0.01})
    exact = np.sqrt(np.diag(np.linalg.inv(A.T @ A + np.diag([1e4, 0, 0, 0]))))
    assert np.allclose(with_prior.sigma, exact, rtol=1e-7)
    assert kit.check_gaussian(with_prior).verdict is Verdict.TRUSTWORTHY


@pytest.mark.parametrize("shape", ["variances", "matrix"])
def test_decay_whose_covariance_depends_on_the_parameters(shape):
    t = np.linspace(0, 4, 30)

    def decay(theta):
        return theta[0] * np.exp(-theta[1] * t)

    def cov(theta):
        variances = (0.05 * decay(theta)) ** 2 + 0.01**2
        return np.diag(variances) if shape == "matrix" else variances

    kit = ForecastKit(decay, [2.0, 0.7], cov, names=["a", "b"])
    result = kit.gaussian_fisher_result()
    F = [[2299.2614682024932, -7629.97787154047], [-7629.97787154047, 36201.68723907027]]
    sigma = [0.03803782711712762, 0.009586177690833798]
    assert off(result.value, F) < 1e-10
    assert off(result.sigma, sigma) < 1e-10
    assert is_honest(result, sigma)
    with pytest.warns(UserWarning, match="what the mean tells alone"):
        mean = kit.fisher()
    exact = [[2289.7283876978545, -7602.670318415124], [-7602.670318415124, 36086.786904534354]]
    assert off(mean, exact) < 1e-10
    assert result.verdict is Verdict.NOT_CHECKED


def test_mean_and_deviation_of_a_normal_sample():
    kit = ForecastKit(
        lambda t: np.full(40, t[0]), [3.0, 0.5], lambda t: np.full(40, t[1] ** 2), names=["m", "s"]
    )
    result = kit.gaussian_fisher_result()
    assert off(np.diag(result.value), [160.0, 320.0]) < 1e-11
    assert result.value[0, 1] == 0
    assert off(result.sigma, [0.07905694150420949, 0.05590169943749474]) < 1e-11
    assert result.success


def test_poisson_line_on_a_continuum():
    e = np.linspace(0.5, 10, 20)

    def rate(t):
        line = 50 * t[0] * np.exp(-0.5 * ((e - t[1]) / 0.8) ** 2)
        return line + t[2] * 20 * np.exp(-e / 4)

    kit = ForecastKit(Poisson(rate), [1.0, 4.0, 1.0], names=["s", "E0", "b"])
    result = kit.fisher_result()
    F = [
        [158.2022770509899, 9.349313625408682, 42.327791685041376],
        [9.349313625408682, 188.83040717814814, -9.348100385093657],
        [42.327791685041376, -9.348100385093657, 95.55064103177071],
    ]
    assert off(result.value, F) < 1e-10
    sigma = [0.08497704250468391, 0.07320346145879457, 0.10944832857326281]
    assert off(result.sigma, sigma) < 1e-10
    assert is_honest(result, sigma)
    expected = rate([1.0, 4.0, 1.0])
    _, log = LikelihoodKit(np.round(expected), expected).poissonian()
    assert off(log.sum(), -41.29529260476734) < 1e-13
    assert kit.check_gaussian(result).verdict is Verdict.TRUSTWORTHY


def test_line_with_errors_in_x():
    cov = np.diag(np.r_[np.full(12, 0.09), np.full(12, 0.04)])
    result = ForecastKit(None, [1.0, 0.8], np.full(12, 0.04), names=["a", "b"]).xy_fisher_result(
        x0=np.linspace(0, 5, 12), mu_xy=lambda x, t: t[0] + t[1] * np.asarray(x), cov_xy=cov
    )
    F = [[122.95081967213113, 307.3770491803278], [307.3770491803278, 1084.2234492194177]]
    assert off(result.value, F) < 1e-8
    sigma = [0.16710937130994324, 0.056273913880264134]
    assert off(result.sigma, sigma) < 1e-8
    assert is_honest(result, sigma)
    assert result.success


def banana(theta):
    x, e = theta
    first = 1e2 * np.exp((x - 3 * e) ** 2) * np.exp(4 * e)
    return np.array([first, 4e1 * np.exp(0.5 * x) * (1 + 0.3 * e + 6 * e**3)])


def test_banana():
    kit = ForecastKit(
        banana,
        [0.18, 0.02],
        [[1, 0.95], [0.95, 1.0]],
        names=["x", "eps"],
        bounds=[(-0.12, 0.48), (-0.03, 0.07)],
    )
    dali = kit.dali(forecast_order=3)
    exact = {
        "F": [[790.5620360291765, 19770.482248343706], [19770.482248343706, 1240123.9330786576]],
        "T21": [12322.084917971553, 234891.0740138791, -1318439.647647619, 11164620.086767731],
        "T22": [
            477194.56054330623, -1281292.690261594, 4602882.637946977, -18599551.360181317,
            100521150.16007759,
        ],
        "T31": [
            8777.257312812833, 155584.68874108195, 652338.9076153595, -9265964.468891216,
            77929765.70181586,
        ],
    }  # fmt: skip

    def distinct(tensor):
        """One entry of each kind: the last indices 1, from none to all of them."""
        n = tensor.ndim
        return [tensor[(0,) * (n - k) + (1,) * k] for k in range(n + 1)]

    assert off(dali[1][0], exact["F"]) < 1e-9
    assert off(distinct(dali[2][0]), exact["T21"]) < 1e-8
    assert off(distinct(dali[2][1]), exact["T22"]) < 1e-8
    assert off(distinct(dali[3][0]), exact["T31"]) < 1e-6
    grid = {2: [0.04677472467742856, 0.0018908591832660572]}
    grid[3] = [0.0466062616130243, 0.0018538988260891353]
    for order, sd in grid.items():
        result = kit.dali_result(order)
        assert off(result.sample(80_000, seed=0).sigma, sd) < 0.02
        assert result.verdict is Verdict.NOT_GAUSSIAN
    posterior = [0.04665694485226958, 0.0018849980117404037]
    assert off(kit.posterior.sample(6_000, seed=0).sigma, posterior) < 0.04
    assert kit.check_gaussian().verdict is Verdict.NOT_GAUSSIAN


def test_nearly_degenerate_pair():
    kit = ForecastKit(
        lambda t: (t[0] + t[1]) * K + 1e-6 * t[1] * K**2, [1.0, 2.0], np.ones(50), names=["a", "b"]
    )
    result = kit.fisher_result()
    F = [[17.001683673469387, 17.001696552257652], [17.001696552257652, 17.001709431056323]]
    assert off(result.value, F) < 1e-12
    sigma = [1240317.3271502894, 1240316.3876096623]
    assert off(result.sigma, sigma) < 1e-3
    assert is_honest(result, sigma)
    [found] = result.unconstrained
    assert off(list(found["direction"].values()), [math.sqrt(0.5), -math.sqrt(0.5)]) < 1e-6
    assert "(a +0.71, b -0.71)" in result.message
    total = result.derived({"sum": lambda t: t[0] + t[1]})
    # with phi = a + b the model is phi k + 1e-6 b k^2, and all but b's part of it is well known
    exact = sigmas(np.stack([K, K**2], 1))[0]
    assert abs(total.sigma[0] - exact) <= total.sigma_error[0] < 1e-3 * exact
    assert off(total.sigma, exact) < 2e-9  # derivatives known to 1e-15, amplified 1e6 times


def test_amplitude_of_2e_9():
    def power(t):
        return 1e9 * t[0] * K ** (t[1] - 1) * np.exp(-t[2] * K)

    theta = np.array([2.1e-9, 0.965, 0.3])
    kit = ForecastKit(power, theta, (0.01 * power(theta)) ** 2, names=["As", "ns", "tau"])
    result = kit.fisher_result()
    F = [
        [1.133786848072562e23, -234173231858241.12, -120238095238095.22],
        [-234173231858241.12, 949397.9931651092, 123764.60110030494],
        [-120238095238095.22, 123764.60110030494, 170016.83673469388],
    ]
    assert off(result.value, F) < 1e-9
    sigma = [1.7358299727103593e-11, 0.0031526110864817094, 0.0104357363343911]
    assert off(result.sigma, sigma) < 1e-9
    assert is_honest(result, sigma)
    log = result.derived({"ln1e10As": lambda t: np.log(1e10 * t[0])})
    assert off(log.sigma, 0.008265857012906472) < 1e-9
    assert kit.check_gaussian(result).verdict is Verdict.TRUSTWORTHY


def test_wall_beside_the_fiducial_point():
    def walled(t):
        if t[0] <= 0:
            raise ValueError("outside")
        return np.log(t[0] + 0.0 * K) + t[1] * np.sqrt(t[0]) * K

    bounds = [(0, None), (None, None)]
    kit = ForecastKit(walled, [1e-3, 2.0], np.full(50, 0.01), names=["q", "b"], bounds=bounds)
    result = kit.fisher_result()
    F = [[5161395190.20585, 81547.6792865985], [81547.6792865985, 1.7001683673469385]]
    assert off(result.value, F) < 1e-7
    sigma = [2.828422880837635e-05, 1.5584107396302118]
    assert off(result.sigma, sigma) < 1e-7
    assert is_honest(result, sigma)
    assert result.verdict is Verdict.NOT_CHECKED


@pytest.mark.parametrize("noise", [1e-6, 1e-4, 1e-3])
def test_noisy_decay(noise):
    found = coverage("decay", noise, 15)  # more: python -m benchmarks.forecast_coverage 200
    assert min(held for held, _ in found.values()) >= 0.9
    assert max(ratio for _, ratio in found.values()) < 12  # of 200: below 10


def test_newtonian_chirp_of_complex_data():
    f = np.geomspace(10.0, 1e4, 1001)

    def chirp(t):
        psi = 2 * math.pi * f * t[2] - t[3]
        psi = psi + 0.75 * (8 * math.pi * np.exp(t[1]) * 4.925490947641267e-6 * f) ** (-5 / 3)
        return np.exp(t[0]) * f ** (-7 / 6) * np.exp(1j * psi)

    theta = [0.0, math.log(1.2187707886145736), 0.0, 0.0]
    step = np.full(f.size, math.log(f[1] / f[0]))
    step[[0, -1]] /= 2  # trapezoids in ln f
    variances = ((70 / f) ** 4 + 2 * (1 + (f / 70) ** 2)) / (4 * f * step)
    variances *= np.sum(np.abs(chirp(theta)) ** 2 / variances) / 100  # a signal-to-noise of 10
    result = ForecastKit(chirp, theta, variances, names=["A", "M", "tc", "phi"]).fisher_result()
    sigma = [0.1, 1.7219398033489017e-05, 0.0004047367876100231, 0.24887836911685884]
    assert off(result.sigma, sigma) < 1e-4
    assert result.success


def test_ten_thousand_independent_data():
    x = np.linspace(0, 1, 10000)
    kit = ForecastKit(
        lambda t: t[0] * np.exp(-t[1] * x) + t[2] * np.sin(6 * x + t[3]),
        [2.0, 1.0, 0.5, 0.3],
        (1 + x) ** 2,
    )
    result = kit.fisher_result()
    F = [2655.519608115119, 1242.088936225534, 2678.079199490086, 580.5114537736764]
    assert off(np.diag(result.value), F) < 1e-10
    sigma = [0.05536205323021656, 0.07263332818115392, 0.03415702239708786, 0.04939129338771239]
    assert off(result.sigma, sigma) < 1e-9
    assert is_honest(result, sigma)
    assert result.success


def test_two_probes_with_shared_and_own_parameters():
    q1, q2 = np.linspace(0, 1, 20), np.linspace(1, 2, 25)
    one = ForecastKit(lambda t: t["H"] * q1 + t["n1"] * q1**2, {"H": 1.0, "n1": 0.5}, 0.01)
    two = ForecastKit(lambda t: t["H"] * q2 + t["n2"] * np.sqrt(q2), {"H": 1.0, "n2": 0.3}, 0.04)
    both = ForecastKit.combine(one=one, two=two).fisher_result()
    assert both.names == ("H", "n1", "n2")
    assert off(both.sigma, [0.1333794564640028, 0.16956497439046087, 0.16901070585428618]) < 1e-11
    assert off(one.fisher_result().sigma, [0.15317314770072815, 0.19282324099643164]) < 1e-11
    assert off(two.fisher_result().sigma, [0.27127264688918556, 0.33883953713673004]) < 1e-11
    assert off(both.marginalise("n1", "n2").value, [[56.21110379232832]]) < 1e-11
    assert off(both.fix("n1").sigma, [0.03785599451860078, 0.05728663668498883]) < 1e-11
    assert both.success


def test_laplace_with_scales_that_differ_by_1e11():
    def nlp(t):
        q, r = (t[0] - 1e-9) / 1e-10, (t[1] - 2e3) / 50
        return 0.5 * q**2 + 0.5 * r**2 + 0.3 * q * r

    kit = ForecastKit(None, [1e-9, 2e3], np.eye(1), names=["q", "r"])
    result = kit.laplace_result(neg_logposterior=nlp)
    sigma = [1.0482848367219183e-10, 52.41424183609591]
    assert off(result.sigma, sigma) < 1e-9
    assert off(result.correlation[0, 1], -0.3) < 1e-9
    assert is_honest(SimpleNamespace(sigma=result.sigma, sigma_error=result.sigma_error), sigma)
    assert result.is_maximum
    assert result.success
