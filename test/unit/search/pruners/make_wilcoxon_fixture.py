"""Writes wilcoxon.json: one-sided p values of SciPy's signed-rank test, with and without ties and zeros.

    python3 test/unit/search/pruners/make_wilcoxon_fixture.py
"""
import json
import pathlib

import numpy
import scipy
from scipy.stats import PermutationMethod, wilcoxon

random = numpy.random.default_rng(1)
cases = []
for n in (2, 3, 5, 8, 12, 13):
    for kind in ("continuous", "ties", "zeros"):
        d = random.normal(0.3, 1, n)
        if kind != "continuous":
            d = numpy.round(d * 2) / 2
            if kind == "ties":
                d[d == 0] = 0.5
        # All signs: what the exact distribution is, ties and zeros included.
        method = PermutationMethod(n_resamples=numpy.inf)
        p = wilcoxon(d, zero_method="zsplit", alternative="greater", method=method).pvalue
        cases.append({"n": n, "kind": kind, "differences": d.tolist(), "p": float(p)})
for n in (25, 50):
    d = random.normal(0.2, 1, n)
    cases.append({"n": n, "kind": "continuous", "differences": d.tolist(),
                  "p": float(wilcoxon(d, alternative="greater", method="exact").pvalue)})
for n in (60, 200):
    d = numpy.round(random.normal(0.2, 1, n), 1)
    d[d == 0] = 0.1
    cases.append({"n": n, "kind": "approximate", "differences": d.tolist(),
                  "p": float(wilcoxon(d, alternative="greater", correction=False, method="asymptotic").pvalue)})
path = pathlib.Path(__file__).with_name("wilcoxon.json")
path.write_text(json.dumps({"scipy": scipy.__version__, "cases": cases}) + "\n")
