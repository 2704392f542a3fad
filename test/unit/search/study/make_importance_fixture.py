"""Writes importance.json: PED-ANOVA importances of Optuna for random trials of a small function.

    pip install optuna && python3 test/unit/search/study/make_importance_fixture.py
"""
import json
import pathlib

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def objective(trial):
    x = trial.suggest_float("x", -2, 2)
    rate = trial.suggest_float("rate", 1e-6, 1e-2, log=True)
    layers = trial.suggest_int("layers", 1, 12)
    batch = trial.suggest_int("batch", 4, 256, log=True)
    shape = trial.suggest_categorical("shape", ["flat", "fast-head", "llrd"])
    fixed = trial.suggest_float("fixed", 1, 1)
    return (x - 1) ** 2 + 2 * abs(layers - 8) / 12 + (0.5 if shape == "llrd" else 0) + 100 * rate + batch / 2000 + 0 * fixed


cases = []
for n, direction in ((10, "minimize"), (60, "maximize"), (200, "minimize")):
    study = optuna.create_study(direction=direction, sampler=optuna.samplers.RandomSampler(seed=n))
    study.optimize(objective, n_trials=n)
    for target, region in ((0.1, 1.0), (0.2, 0.6)):
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=target, region_quantile=region)
        importance = optuna.importance.get_param_importances(study, evaluator=evaluator)
        cases.append({"direction": direction, "target": target, "region": region, "importance": importance,
                      "trials": [{"parameters": t.params, "value": t.value} for t in study.trials]})
path = pathlib.Path(__file__).with_name("importance.json")
path.write_text(json.dumps({"optuna": optuna.__version__, "cases": cases}) + "\n")
