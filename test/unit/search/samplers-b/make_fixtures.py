"""Numbers of scikit-learn and mpmath for the tests of the Gaussian process.

    python3 test/unit/search/samplers-b/make_fixtures.py

writes test/unit/search/samplers-b/fixtures/*.json. Needs scikit-learn and mpmath.
"""

import json
import pathlib

import numpy as np
import sklearn
from mpmath import erfc, log, mp, mpf, npdf, sqrt
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

mp.dps = 60


def posterior():
    rng = np.random.default_rng(1)
    points, at = rng.random((12, 3)), rng.random((4, 3))
    values = np.sin(5 * points[:, 0]) + points[:, 1] ** 2 - points[:, 2]
    lengths, scale, noise = [0.3, 0.7, 1.9], 1.7, 0.01
    kernel = ConstantKernel(scale) * Matern(lengths, nu=2.5) + WhiteKernel(noise)
    model = GaussianProcessRegressor(kernel, optimizer=None, alpha=0).fit(points, values)
    mean, deviation = model.predict(at, return_std=True)
    return {
        "points": points.tolist(),
        "values": values.tolist(),
        "lengths": lengths,
        "scale": scale,
        "noise": noise,
        "at": at.tolist(),
        "mean": mean.tolist(),
        # scikit-learn's is of a noisy value.
        "variance": (deviation**2 - noise).tolist(),
        "logLikelihood": model.log_marginal_likelihood_value_,
    }


def improvement():
    cases = []
    for z in [5, 1, 0.3, 0, -0.5, -0.999, -1.001, -2, -5, -10, -20, -49, -51, -300, -1e4]:
        z = mpf(z)
        cdf = erfc(-z / sqrt(2)) / 2
        h = npdf(z) + z * cdf
        cases.append([float(v) for v in (z, log(h), cdf / h, log(cdf), npdf(z) / cdf)])
    return cases


def main():
    folder = pathlib.Path(__file__).parent / "fixtures"
    folder.mkdir(exist_ok=True)
    for make in [posterior, improvement]:
        document = {"by": f"scikit-learn {sklearn.__version__}, mpmath", "cases": make()}
        (folder / f"{make.__name__}.json").write_text(json.dumps(document) + "\n")


main()
