"""What `dalle plan` prints: a line a figure."""

from collections.abc import Iterable, Iterator

from flows.cost import Cost
from models.planning.tokenizer_plan import DVAEPlan
from models.planning.training_plan import PriorPlan
from tasks.engine.meter import duration

_NAMES = {"ema": "EMA", "error_buffers": "error buffers (PowerSGD)", "communication": "gathered, or buckets"}


def lines(recipe: str, cost: Cost) -> list[str]:
    """The whole plan."""
    p = cost.parallel
    rank = f", PowerSGD of rank {p.compression_rank} between machines" if p.compression_rank else ""
    found = [f"{recipe} on {_where(cost)}, {p.mode}{rank}"]
    if cost.not_run_today:
        found.append(f"Not runnable today: {', '.join(cost.not_run_today)}.")
    if cost.prior:
        found += ["", "prior", *_rows(_prior(cost.prior, cost))]
    if cost.tokenizer:
        found += ["", "dVAE", *_rows(_dvae(cost.tokenizer))]
    disk = {name: _bytes(size) for name, size in cost.disk.model_dump().items()}
    found += ["", f"disk, {cost.pairs:,} pairs", *_rows(disk.items())]
    found += ["", "together", *_rows(_sums(cost))]
    return found


def summary(cost: Cost) -> str:
    """The plan in one or two sentences, as the docstrings of recipes say it."""
    p = cost.parallel
    prior = (
        f"a prior of {_count(cost.prior.parameters)} parameters, {_bytes(cost.prior.memory.total)} a GPU, "
        if cost.prior
        else ""
    )
    hours = f"{_hours(cost.hours)} with the dVAE's training" if cost.tokenizer else _hours(cost.hours)
    whole = f" ({cost.hours * p.ranks:,.0f} of a GPU)" if p.ranks > 1 else ""
    missing = f" Not runnable today: {', '.join(cost.not_run_today)}." if cost.not_run_today else ""
    return f"Plan: {prior}{hours}{whole} on {_where(cost)}.{missing}"


def figures(cost: Cost) -> Iterator[tuple[str, str]]:
    """The few figures by which a person decides, each with its name."""
    yield "where", _where(cost)
    if cost.prior:
        verdict = "fits" if cost.fits else "does not fit"
        yield "parameters of the prior", _count(cost.prior.parameters)
        yield "memory of a rank", f"{_bytes(cost.prior.memory.total)}, {verdict} in {cost.hardware.memory_gb:g} GB"
    if cost.tokenizer:
        yield "parameters of the dVAE", _count(cost.tokenizer.parameters)
    yield from _sums(cost)


def _where(cost: Cost) -> str:
    p = cost.parallel
    return f"{p.machines} x {p.gpus_per_machine} {cost.hardware.name}" if p.ranks > 1 else f"1 {cost.hardware.name}"


def _hours(hours: float) -> str:
    return duration(3600 * hours) if hours < 2 else f"{_digits(hours)} hours"


def _rows(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (f"  {name:<35} {value}" for name, value in pairs)


def _prior(plan: PriorPlan, cost: Cost) -> Iterator[tuple[str, str]]:
    memory = plan.memory
    matrices = f"{_count(plan.block_matrices)} in the blocks' matrices, {_bytes(plan.half_bytes)} in 16 bits"
    yield "parameters", f"{_count(plan.parameters)}, of which {matrices}"
    for name, size in memory.model_dump().items():
        if size and name != "host":
            yield f"a rank's {_NAMES.get(name, name)}", _bytes(size)
    verdict = "fits" if cost.fits else "does not fit"
    yield "memory of a rank", f"{_bytes(memory.total)}, {verdict} in {cost.hardware.memory_gb:g} GB"
    if memory.host:
        yield "EMA in the host's memory, a rank", _bytes(memory.host)
    yield "operations a token", _operations(plan.flops_per_token)
    yield "operations a step, as computed", _operations(plan.flops_per_step)
    yield "operations of the whole training", _operations(plan.flops)
    if cost.parallel.ranks > 1:
        yield "sent in a machine, a GPU and step", _bytes(plan.traffic.in_machine)
    if cost.parallel.machines > 1:
        saved = ""
        if plan.compression is not None:
            without = _bytes(plan.traffic.uncompressed)
            saved = f", {without} without compression (which saves {plan.compression:.1%} of the matrices)"
        yield "sent between machines, each, a step", _bytes(plan.traffic.between_machines) + saved
    yield "a checkpoint", _bytes(plan.checkpoint_bytes)
    yield "seconds a step", f"{plan.step_seconds:.3g}, bound by {plan.bound_by}"
    yield "time", _hours(plan.hours)


def _dvae(plan: DVAEPlan) -> Iterator[tuple[str, str]]:
    yield "parameters", _count(plan.parameters)
    yield "a rank's state, without activations", _bytes(plan.state_bytes)
    yield "operations a step", _operations(plan.flops_per_step)
    yield "operations of the whole training", _operations(plan.flops)
    yield "time", _hours(plan.hours)


def _sums(cost: Cost) -> Iterator[tuple[str, str]]:
    share = f"{cost.hardware.utilisation:.0%} of the peak is reached"
    yield "time", f"{_hours(cost.hours)}, if {share} and transfers overlap with it wholly"
    if cost.parallel.ranks > 1:
        yield "hours of a GPU", _digits(cost.hours * cost.parallel.ranks)
    if cost.money is not None:
        yield "money", f"{_digits(cost.money)}, at {cost.hardware.price_per_hour:g} an hour and GPU"
    if cost.not_planned:
        yield "not planned", f"training of {' and '.join(cost.not_planned)}, and the data stages"


def _bytes(size: float) -> str:
    return _scaled(size, ("B", "kB", "MB", "GB", "TB", "PB"))


def _operations(number: float) -> str:
    units = ("FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP", "EFLOP", "ZFLOP")
    return _scaled(number, units)


def _count(number: float) -> str:
    return _scaled(number, ("", "thousand", "million", "billion"))


def _scaled(value: float, units: tuple[str, ...]) -> str:
    """Three or four digits with the unit, such as `24.2 GB`."""
    for unit in units[:-1]:
        if value < 999.5:
            return f"{value:.3g} {unit}".strip()
        value /= 1000
    return f"{_digits(value)} {units[-1]}"


def _digits(value: float) -> str:
    return f"{value:.3g}" if value < 999.5 else f"{value:,.0f}"
