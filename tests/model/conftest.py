"""How deep the model tests dig, and one event loop for a whole test of theirs.

`pytest tests/model --hypothesis-profile deep` is the long run of the state machine; EXCHANGE_MODEL_COMMANDS=1000000 the
long run of the seeded one.
"""

from hypothesis import HealthCheck, settings

HEALTH_CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile(
    "fast",
    max_examples=500,
    stateful_step_count=50,
    deadline=None,
    print_blob=True,
    suppress_health_check=HEALTH_CHECKS,
)
settings.register_profile(
    "deep",
    max_examples=5_000,
    stateful_step_count=100,
    deadline=None,
    print_blob=True,
    suppress_health_check=HEALTH_CHECKS,
)
