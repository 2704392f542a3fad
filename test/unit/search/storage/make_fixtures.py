"""Journals as Optuna itself writes them: python make_fixtures.py (with Optuna 4 and with Optuna 5)."""

import os
import sys

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
path = os.path.join(os.path.dirname(__file__), "fixtures", f"optuna-{optuna.__version__.split('.')[0]}.journal")
if os.path.exists(path):
    sys.exit(f"{path} is there already")
storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(path))

single = optuna.create_study(
    storage=storage,
    study_name="single",
    direction="minimize",
    sampler=optuna.samplers.RandomSampler(seed=1),
    pruner=optuna.pruners.NopPruner(),
)
single.set_user_attr("model", "tiny")
single.enqueue_trial({"rate": 1e-5, "epochs": 3, "shape": "flat"})


def objective(trial):
    rate = trial.suggest_float("rate", 1e-7, 1e-3, log=True)
    if trial.number == 4:
        raise ValueError("failed before all parameters were known")
    epochs = trial.suggest_int("epochs", 1, 9)
    shape = trial.suggest_categorical("shape", ["flat", "rising", None])
    if shape == "rising":
        trial.suggest_float("slope", 0, 1)
    trial.set_user_attr("seed", trial.number)
    for step in range(3):
        trial.report(rate * (3 - step), step)
    if trial.number == 3:
        raise optuna.TrialPruned()
    return float("inf") if trial.number == 5 else rate * epochs


single.optimize(objective, n_trials=8, catch=(ValueError,))
single.ask()

several = optuna.create_study(
    storage=storage,
    study_name="several",
    directions=["maximize", "minimize"],
    sampler=optuna.samplers.NSGAIISampler(seed=1, constraints_func=lambda trial: (trial.params["x"] - 0.5,)),
)
several.set_metric_names(["p_s", "p_o"])
several.optimize(lambda trial: (trial.suggest_float("x", 0, 1), trial.suggest_int("n", 1, 4)), n_trials=5)

gone = optuna.create_study(storage=storage, study_name="gone")
gone.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
optuna.delete_study(study_name="gone", storage=storage)
