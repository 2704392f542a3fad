"""Optuna's samplers by ask and tell: one JSON document per line in, one out. The functions are evaluated on the other side, so that both samplers see the same ones.

{"study": {"sampler": "tpe" | "gp", "seed": int, "space": {name: parameter}}}  ->  {}
{"ask": count}  ->  {"parameters": [...], "seconds": processor time of all of them}
{"tell": [value, ...]}  ->  {}    (of the trials asked for last, to be minimised)
"""

import json
import sys
import time
import warnings

import optuna
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

SAMPLERS = {"tpe": optuna.samplers.TPESampler, "gp": optuna.samplers.GPSampler}


def distribution(parameter):
    if parameter["kind"] == "categorical":
        return CategoricalDistribution(parameter["choices"])
    kind = FloatDistribution if parameter["kind"] == "float" else IntDistribution
    return kind(parameter["low"], parameter["high"], log=parameter.get("log", False))


def main():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    study, space, asked = None, {}, []
    for line in sys.stdin:
        request = json.loads(line)
        answer = {}
        if "study" in request:
            wanted = request["study"]
            space = {name: distribution(parameter) for name, parameter in wanted["space"].items()}
            study = optuna.create_study(sampler=SAMPLERS[wanted["sampler"]](seed=wanted["seed"]))
        elif "ask" in request:
            start = time.process_time()
            asked = [study.ask(space) for _ in range(request["ask"])]
            answer = {"parameters": [trial.params for trial in asked], "seconds": time.process_time() - start}
        elif "tell" in request:
            for trial, value in zip(asked, request["tell"], strict=True):
                study.tell(trial, value)
        else:
            answer = {"optuna": optuna.__version__, "torch": torch.__version__}
        print(json.dumps(answer), flush=True)


main()
