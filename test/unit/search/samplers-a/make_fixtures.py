"""Numbers of scipy, mpmath and Optuna for the samplers' tests; prints the Chebyshev coefficients of lib/search/normal.ts.

    python3 test/unit/search/samplers-a/make_fixtures.py

writes test/unit/search/samplers-a/fixtures/*.json. Needs scipy, mpmath and optuna 5.
"""

import json
import pathlib

import numpy as np
import optuna
import scipy
from mpmath import cos, erfc, exp, log, mp, mpf, ncdf, nstr, pi, sqrt
from optuna._hypervolume import compute_hypervolume
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator, _ParzenEstimatorParameters
from optuna.samplers._tpe.sampler import default_weights
from scipy.stats import qmc

mp.dps = 40


def erfcx(x):
    if x < 100:
        return exp(x * x) * erfc(x)
    fraction = x
    for k in range(60, 0, -1):
        fraction = x + mpf(k) / 2 / fraction
    return 1 / (sqrt(pi) * fraction)


def chebyshev(n=60):
    """Of (1 + 2x) erfcx(x) in t = (x - 3.75) / (x + 3.75)."""
    nodes = [cos(pi * (k + mpf(1) / 2) / n) for k in range(n)]
    x = [mpf("3.75") * (1 + t) / (1 - t) for t in nodes]
    values = [(1 + 2 * each) * erfcx(each) for each in x]
    for j in range(25):
        total = sum(v * cos(pi * j * (k + mpf(1) / 2) / n) for k, v in enumerate(values))
        print(nstr(total * (1 if j == 0 else 2) / n, 20))


def normal():
    masses = [(-1, 1), (0, 0.1), (-3, -2.9), (5, 6), (-40, -39), (99, 100), (1e-3, 1.001e-3), (-0.5, 8), (-1e-6, 1e-6)]

    def mass(a, b):
        # On the side where the tail is small.
        return log(ncdf(-a) - ncdf(-b)) if a > 0 else log(ncdf(b) - ncdf(a))

    return {
        "erfcx": [[x, float(erfcx(mpf(x)))] for x in [0, 0.1, 0.5, 1, 2.5, 5, 10, 30, 1e3, 1e6]],
        "cdf": [[x, float(ncdf(mpf(x)))] for x in [-37, -8, -1.5, -0.1, 0, 0.3, 2, 9]],
        "logMass": [[a, b, float(mass(mpf(a), mpf(b)))] for a, b in masses],
    }


def sobol():
    generator = qmc.Sobol(64, scramble=False)
    points = generator.random(1030)
    return {"rows": {str(i): points[i].tolist() for i in [0, 1, 2, 3, 7, 100, 1029]}}


def volumes():
    rng = np.random.default_rng(1)
    cases = []
    for objectives, count in [(2, 1), (2, 5), (2, 40), (3, 5), (3, 30), (4, 12)]:
        points = rng.random((count, objectives)).round(6)
        reference = [1.05] * objectives
        cases.append(
            {
                "points": points.tolist(),
                "reference": reference,
                "volume": float(compute_hypervolume(points, np.array(reference), assume_pareto=False)),
            }
        )
    return cases


def parzen():
    """Log densities of Optuna's estimator over a float, a logarithmic float, an integer and choices."""
    space = {
        "x": FloatDistribution(-2, 3),
        "rate": FloatDistribution(1e-7, 1e-3, log=True),
        "n": IntDistribution(1, 100),
        "kind": CategoricalDistribution(["a", "b", "c"]),
    }
    settings = _ParzenEstimatorParameters(1.0, True, False, default_weights, True)
    rng = np.random.default_rng(2)

    def draw(count):
        return {
            "x": rng.uniform(-2, 3, count),
            "rate": np.exp(rng.uniform(np.log(1e-7), np.log(1e-3), count)),
            # All different: which of two equal observations has which width is left to the order of sorting.
            "n": rng.permutation(100)[:count] + 1,
            "kind": rng.integers(0, 3, count),
        }

    cases = []
    for count in [0, 1, 2, 7, 40]:
        observations, points = draw(count), draw(6)
        estimator = _ParzenEstimator(observations, space, settings)
        cases.append(
            {
                "observations": {k: v.tolist() for k, v in observations.items()},
                "points": {k: v.tolist() for k, v in points.items()},
                "logDensity": estimator.log_pdf(points).tolist(),
            }
        )
    return cases


if __name__ == "__main__":
    chebyshev()
    folder = pathlib.Path(__file__).parent / "fixtures"
    folder.mkdir(exist_ok=True)
    versions = {"scipy": scipy.__version__, "optuna": optuna.__version__}
    for name, make in [("normal", normal), ("sobol", sobol), ("hypervolume", volumes), ("parzen", parzen)]:
        (folder / f"{name}.json").write_text(json.dumps({"versions": versions, "cases": make()}) + "\n")
