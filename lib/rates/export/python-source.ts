/** The part of an exported Python module that is the same for every distribution. */
export const pythonFunctions = String.raw`def group_of(name):
    """Index in GROUPS of the group that a parameter belongs to, or None."""
    for index, (_, _, patterns) in enumerate(GROUPS):
        if any(re.search(pattern, name) for pattern in patterns):
            return index
    return None


def parameter_groups(model, weight_decay=0.0):
    """Parameter groups for a torch optimizer: dicts with name, group (its name in GROUPS), params, lr and weight_decay.

    Biases and LayerNorms get no weight decay. Parameters of frozen groups are left out and get requires_grad = False.
    Raises ValueError for a model of another depth, a parameter in no group, and a group without parameters.
    """
    layers = model.config.num_hidden_layers
    if layers != LAYERS:
        raise ValueError(f"{NAME} is for {LAYERS} layers, the model has {layers}")
    named = list(model.named_parameters())
    # A bare BertModel has names without the prefix that models with a head have.
    prefix = "" if any(name.startswith("bert.") for name, _ in named) else "bert."
    members = [[] for _ in GROUPS]
    unmatched = []
    for name, parameter in named:
        index = group_of(prefix + name)
        if index is None:
            unmatched.append(name)
        else:
            members[index].append((name, parameter))
    if unmatched:
        raise ValueError(f"{NAME}: {len(unmatched)} parameters belong to no group: {', '.join(unmatched[:5])}")
    empty = [group for (group, _, _), found in zip(GROUPS, members) if not found]
    if empty:
        raise ValueError(f"{NAME}: groups without parameters: {', '.join(empty)}")

    groups = []
    for (group, rate, _), found in zip(GROUPS, members):
        if rate == 0:
            for _, parameter in found:
                parameter.requires_grad_(False)
            continue
        decayed = [parameter for name, parameter in found if weight_decay and has_weight_decay(name)]
        rest = [parameter for name, parameter in found if not (weight_decay and has_weight_decay(name))]
        if decayed:
            groups.append({"name": group, "group": group, "params": decayed, "lr": rate, "weight_decay": weight_decay})
        if rest:
            name = f"{group} (no decay)" if weight_decay else group
            groups.append({"name": name, "group": group, "params": rest, "lr": rate, "weight_decay": 0.0})
    return groups


def has_weight_decay(name):
    """False for biases and LayerNorms."""
    return not re.search(r"(^|\.)bias$|(^|[._])layer_?norm\.(weight|bias|gamma|beta)$", name, re.IGNORECASE)


def build_optimizer(model, weight_decay=0.0, betas=(0.9, 0.999), eps=1e-8):
    """torch.optim.AdamW over parameter_groups(model, weight_decay)."""
    return torch.optim.AdamW(parameter_groups(model, weight_decay), betas=betas, eps=eps)
`;

/** For distributions that change during training. */
export const pythonPhases = String.raw`
def phase_factors(step, total_steps):
    """Factor of each group's rate, by its name in GROUPS, for update number step, from 0."""
    factors = PHASES[0][1]
    for start, later in PHASES:
        if math.floor(start * total_steps + 0.5) <= step:
            factors = later
    return factors


class PhaseScheduler(torch.optim.lr_scheduler.LambdaLR):
    """Rates by phase, times schedule(step). Make it before the first step, and call step() after every optimizer step.

    A group whose factor is 0 is frozen: requires_grad is False and its gradients are dropped, so Adam's moments and step counts
    of its parameters begin when it joins.
    """

    def __init__(self, optimizer, total_steps, schedule=lambda step: 1.0):
        self.total_steps = total_steps

        def factor(group):
            return lambda step: schedule(step) * phase_factors(step, total_steps)[group]

        super().__init__(optimizer, [factor(group["group"]) for group in optimizer.param_groups])

    def get_lr(self):
        factors = phase_factors(self.last_epoch, self.total_steps)
        for group in self.optimizer.param_groups:
            learns = factors[group["group"]] != 0
            for parameter in group["params"]:
                parameter.requires_grad_(learns)
                if not learns:
                    parameter.grad = None
        return super().get_lr()
`;

export const pythonTrainer = String.raw`
class RatesTrainer(transformers.Trainer):
    """transformers.Trainer with these rates; args.learning_rate is not used, the schedule multiplies each group's rate."""

    def create_optimizer(self, model=None):
        if self.optimizer is None:
            args = self.args
            self.optimizer = build_optimizer(
                self.model if model is None else model,
                args.weight_decay,
                (args.adam_beta1, args.adam_beta2),
                args.adam_epsilon,
            )
        return self.optimizer
`;

export const pythonTrainerPhases = String.raw`
    def create_scheduler(self, num_training_steps, optimizer=None):
        if self.lr_scheduler is None:
            schedule = super().create_scheduler(num_training_steps, optimizer)
            if not isinstance(schedule, torch.optim.lr_scheduler.LambdaLR):
                raise ValueError(f"{NAME}: phases need a schedule of the step alone, not {self.args.lr_scheduler_type}")
            optimizer = self.optimizer if optimizer is None else optimizer
            self.lr_scheduler = PhaseScheduler(optimizer, num_training_steps, schedule.lr_lambdas[0])
        return self.lr_scheduler
`;
