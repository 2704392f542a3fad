"""Linear probes by scikit-learn and linear CKA by NumPy, for test/unit/forgetting/measure.

    pip install numpy scikit-learn; python3 test/parity/make_probe_fixtures.py
"""

import json
import os

import numpy as np
import sklearn
from sklearn.linear_model import Ridge, RidgeClassifier

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")
random = np.random.default_rng(1905)


def matrix(values):
    return [[round(float(v), 6) for v in row] for row in values]


def features(rows, columns):
    # Columns of different means and scales, some of them nearly dependent.
    base = random.normal(size=(rows, columns)) * np.linspace(0.2, 2, columns) + random.normal(size=columns)
    base[:, -1] = base[:, 0] + 0.01 * base[:, -1]
    return np.round(base, 6)


def regression():
    cases = []
    for rows, columns, outputs in ((30, 5, 1), (40, 6, 2), (8, 12, 1)):
        x = features(rows, columns)
        y = np.round(x @ random.normal(size=(columns, outputs)) + random.normal(size=(rows, outputs)), 6)
        for alpha in (1e-3, 1.0, 50.0):
            fit = Ridge(alpha=alpha, solver="svd", tol=1e-12).fit(x, y)
            cases.append(
                {
                    "features": matrix(x),
                    "targets": matrix(y),
                    "alpha": alpha,
                    "weights": np.asarray(fit.coef_).reshape(outputs, columns).T.tolist(),
                    "intercept": np.asarray(fit.intercept_).reshape(outputs).tolist(),
                }
            )
    return cases


def classification():
    cases = []
    for classes in (2, 3):
        x = features(60, 6)
        labels = np.argmax(x @ random.normal(size=(6, classes)) + random.normal(size=(60, classes)), axis=1)
        other = features(40, 6)
        for alpha in (1e-2, 5.0):
            fit = RidgeClassifier(alpha=alpha, solver="svd", tol=1e-12).fit(x, labels)
            cases.append(
                {
                    "features": matrix(x),
                    "labels": labels.tolist(),
                    "alpha": alpha,
                    "other": matrix(other),
                    "predictions": fit.predict(other).tolist(),
                }
            )
    return cases


def similarity():
    cases = []
    for rows, p, q in ((20, 4, 4), (20, 5, 3), (6, 9, 8), (12, 12, 12)):
        x = features(rows, p)
        y = np.round(x @ random.normal(size=(p, q)) + 0.5 * random.normal(size=(rows, q)), 6)
        # Definition: HSIC of the linear kernels, with the centring matrix written out.
        h = np.eye(rows) - 1 / rows
        hsic = lambda k, l: np.trace(k @ h @ l @ h) / (rows - 1) ** 2
        k, l = x @ x.T, y @ y.T
        cases.append({"x": matrix(x), "y": matrix(y), "cka": float(hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l)))})
    return cases


if __name__ == "__main__":
    fixture = {
        "versions": {"numpy": np.__version__, "scikit-learn": sklearn.__version__},
        "regression": regression(),
        "classification": classification(),
        "similarity": similarity(),
    }
    with open(os.path.join(HERE, "probes.json"), "w") as file:
        json.dump(fixture, file)
        file.write("\n")
