"""Standard errors of fits against the certified ones of NIST's Statistical Reference Datasets.

Data, certified parameters, standard deviations and residual sums of squares are those published in
NIST/ITL StRD, nonlinear regression (public domain).
"""

import numpy as np
import pytest

from derivkit import CalculusKit, covariance


def row(text):
    return np.array(text.split(), dtype=float)


FITS = {  # model, certified parameters, certified standard deviations, RSS, x, y
    "Misra1a": (
        lambda b, x: b[0] * (1 - np.exp(-b[1] * x)),
        row("""
            238.94212918 0.00055015643181
        """),
        row("""
            2.7070075241 7.2668688436e-06
        """),
        0.12455138894,
        row("""
            77.6 114.9 141.1 190.8 239.9 289.0 332.8 378.4 434.8 477.3 536.8 593.1 689.1
            760.0
        """),
        row("""
            10.07 14.73 17.94 23.93 29.61 35.18 40.02 44.82 50.76 55.05 61.01 66.4 75.47
            81.78
        """),
    ),
    "BoxBOD": (
        lambda b, x: b[0] * (1 - np.exp(-b[1] * x)),
        row("""
            213.80940889 0.54723748542
        """),
        row("""
            12.354515176 0.10455993237
        """),
        1168.0088766,
        row("""
            1.0 2.0 3.0 5.0 7.0 10.0
        """),
        row("""
            109.0 149.0 149.0 191.0 213.0 224.0
        """),
    ),
    "Chwirut2": (
        lambda b, x: np.exp(-b[0] * x) / (b[1] + b[2] * x),
        row("""
            0.16657666537 0.0051653291286 0.012150007096
        """),
        row("""
            0.03830328681 0.00066621605126 0.0015304234767
        """),
        513.04802941,
        row("""
            0.5 1.0 1.75 3.75 5.75 0.875 2.25 3.25 5.25 0.75 1.75 2.75 4.75 0.625 1.25 2.25
            4.25 0.5 3.0 0.75 3.0 1.5 6.0 3.0 6.0 1.5 3.0 0.5 2.0 4.0 0.75 2.0 5.0 0.75 2.25
            3.75 5.75 3.0 0.75 2.5 4.0 0.75 2.5 4.0 0.75 2.5 4.0 0.5 6.0 3.0 0.5 2.75 0.5
            1.75
        """),
        row("""
            92.9 57.1 31.05 11.5875 8.025 63.6 21.4 14.25 8.475 63.8 26.8 16.4625 7.125 67.3
            41.0 21.15 8.175 81.5 13.12 59.9 14.62 32.9 5.44 12.56 5.44 32.0 13.95 75.8 20.0
            10.42 59.5 21.67 8.55 62.0 20.2 7.76 3.75 11.81 54.7 23.7 11.55 61.3 17.7 8.74
            59.2 16.3 8.62 81.0 4.87 14.62 81.7 17.17 81.3 28.9
        """),
    ),
    "MGH09": (
        lambda b, x: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]),
        row("""
            0.19280693458 0.19128232873 0.12305650693 0.13606233068
        """),
        row("""
            0.011435312227 0.19633220911 0.080842031232 0.090025542308
        """),
        0.00030750560385,
        row("""
            4.0 2.0 1.0 0.5 0.25 0.167 0.125 0.1 0.0833 0.0714 0.0625
        """),
        row("""
            0.1957 0.1947 0.1735 0.16 0.0844 0.0627 0.0456 0.0342 0.0323 0.0235 0.0246
        """),
    ),
    "Rat43": (
        lambda b, x: b[0] / (1 + np.exp(b[1] - b[2] * x)) ** (1 / b[3]),
        row("""
            699.6415127 5.2771253025 0.75962938329 1.2792483859
        """),
        row("""
            16.302297817 2.0828735829 0.19566123451 0.68761936385
        """),
        8786.404908,
        row("""
            1.0 2.0 3.0 4.0 5.0 6.0 7.0 8.0 9.0 10.0 11.0 12.0 13.0 14.0 15.0
        """),
        row("""
            16.08 33.83 65.8 97.2 191.55 326.2 386.87 520.53 590.03 651.92 724.93 699.56
            689.96 637.56 717.41
        """),
    ),
    "Thurber": (
        lambda b, x: np.polyval(b[3::-1], x) / (1 + x * np.polyval(b[:3:-1], x)),
        row("""
            1288.13968 1491.0792535 583.23836877 75.416644291 0.96629502864 0.39797285797
            0.049727297349
        """),
        row("""
            4.6647963344 39.571156086 28.698696102 5.567537027 0.031333340687 0.014984928198
            0.0065842344623
        """),
        5642.7082397,
        row("""
            -3.067 -2.981 -2.921 -2.912 -2.84 -2.797 -2.702 -2.699 -2.633 -2.481 -2.363
            -2.322 -1.501 -1.46 -1.274 -1.212 -1.1 -1.046 -0.915 -0.714 -0.566 -0.545 -0.4
            -0.309 -0.109 -0.103 0.01 0.119 0.377 0.79 0.963 1.006 1.115 1.572 1.841 2.047
            2.2
        """),
        row("""
            80.574 84.248 87.264 87.195 89.076 89.608 89.868 90.101 92.405 95.854 100.696
            101.06 401.672 390.724 567.534 635.316 733.054 759.087 894.206 990.785 1090.109
            1080.914 1122.643 1178.351 1260.531 1273.514 1288.339 1327.543 1353.863 1414.509
            1425.208 1421.384 1442.962 1464.35 1468.705 1447.894 1457.628
        """),
    ),
}


@pytest.mark.parametrize("name", FITS)
def test_standard_errors_agree_with_the_certified_ones(name):
    model, b, deviations, rss, x, y = FITS[name]
    residuals = y - model(b, x)
    np.testing.assert_allclose(residuals @ residuals, rss, rtol=1e-9)
    result = CalculusKit(lambda b: y - model(b, x), b).jacobian_result()
    assert result.nfev <= 19 * len(b)  # what cancels inside the model is hardly explored
    found = covariance(result, residuals)
    np.testing.assert_allclose(found.standard_errors, deviations, rtol=1e-9)
    assert (found.standard_errors_error < 1e-8 * found.standard_errors).all()


@pytest.mark.parametrize("name", ["Misra1a", "MGH09", "Thurber"])
def test_a_hessian_of_the_likelihood_agrees_where_the_fit_is_nearly_linear(name):
    """The Hessian of RSS / (2 s**2) is J'J / s**2 and a curvature term, a few per cent here."""
    model, b, deviations, rss, x, y = FITS[name]
    variance = rss / (len(x) - len(b))

    def minus_log_likelihood(b):
        residuals = y - model(b, x)
        return float(residuals @ residuals) / (2 * variance)

    found = covariance(CalculusKit(minus_log_likelihood, b).hessian_result())
    np.testing.assert_allclose(found.standard_errors, deviations, rtol=0.5)
    assert (found.standard_errors_error < 1e-3 * found.standard_errors).all()
