"""How much hypothesis tries: ``pytest --hypothesis-profile fuzz`` is for when there is time."""

from hypothesis import settings

settings.register_profile("suite", max_examples=150, stateful_step_count=30, deadline=None)
settings.register_profile("fuzz", settings.get_profile("suite"), max_examples=5000)
settings.load_profile("suite")
