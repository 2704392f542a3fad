"""Metrics and statistics by scikit-learn and SciPy, for test/unit/metrics.

    pip install scikit-learn scipy; python3 test/parity/make_metrics_fixtures.py
"""

import json
import os
import warnings

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")
random = np.random.default_rng(20240331)
warnings.filterwarnings("ignore")


def classification():
    cases = []
    for classes in (2, 3, 5):
        for rows in (1, 2, 7, 100, 408):
            for agreement in (0.0, 0.5, 0.9):
                labels = random.integers(classes, size=rows)
                other = random.integers(classes, size=rows)
                predictions = np.where(random.random(rows) < agreement, labels, other)
                cases.append((predictions, labels))
    for constant in (0, 1):
        labels = random.integers(2, size=50)
        cases.append((np.full(50, constant), labels))
        cases.append((labels, np.full(50, constant)))
        cases.append((np.full(50, constant), np.full(50, constant)))
    cases.append((np.zeros(10, int), np.ones(10, int)))
    result = []
    for predictions, labels in cases:
        binary = max(predictions.max(), labels.max()) < 2
        result.append(
            {
                "predictions": predictions.tolist(),
                "labels": labels.tolist(),
                "accuracy": accuracy_score(labels, predictions),
                "f1": f1_score(labels, predictions, zero_division=0) if binary else None,
                "matthews_correlation": matthews_corrcoef(labels, predictions),
            }
        )
    return result


def correlation():
    result = []
    for rows in (2, 3, 10, 150):
        for ties in (False, True):
            labels = random.random(rows) * 5
            predictions = labels + random.normal(size=rows)
            if ties:
                labels, predictions = np.round(labels), np.round(predictions * 2) / 2
            if np.ptp(labels) == 0 or np.ptp(predictions) == 0:
                labels[0] += 1
                predictions[0] += 1
            result.append(
                {
                    "predictions": predictions.tolist(),
                    "labels": labels.tolist(),
                    "pearson": stats.pearsonr(predictions, labels)[0],
                    "spearmanr": stats.spearmanr(predictions, labels)[0],
                }
            )
    return result


def paired():
    result = []
    for pairs, shift in ((2, 0.3), (3, 0.0), (5, 0.01), (10, 0.6), (12, 0.2), (20, 0.1)):
        a = random.normal(size=pairs)
        b = a + random.normal(loc=shift, size=pairs)
        if pairs == 12:
            b = a + np.round(b - a, 1)  # ties among the differences
        test = stats.ttest_rel(b, a)
        differences = b - a
        entry = {"a": a.tolist(), "b": b.tolist(), "mean": differences.mean(), "sd": differences.std(ddof=1), "t": test.statistic, "p": test.pvalue}
        entry["intervals"] = {str(level): list(test.confidence_interval(level)) for level in (0.9, 0.95, 0.99)}
        if pairs <= 12:
            entry["sign_flip"] = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
        boot = stats.bootstrap((differences,), np.mean, n_resamples=200_000, method="percentile", rng=random)
        entry["bootstrap"] = [boot.confidence_interval.low, boot.confidence_interval.high]
        result.append(entry)
    return result


if __name__ == "__main__":
    value = {
        "versions": {"scikit-learn": sklearn.__version__, "scipy": scipy.__version__},
        "classification": classification(),
        "correlation": correlation(),
        "paired": paired(),
    }
    with open(os.path.join(HERE, "metrics.json"), "w", encoding="utf-8", newline="\n") as file:
        json.dump(value, file, separators=(",", ":"))
        file.write("\n")
