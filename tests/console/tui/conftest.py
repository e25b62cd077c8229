"""What the tests of the console share: keys that follow each other as fast as somebody's who types well."""

from textual import _wait

# Textual's pilot waits after each key until the process has been idle for so many seconds; its own 20 ms, three times
# for each key, are most of the time of a test that types. What a test expects of a screen it waits for with `until`.
_wait.SLEEP_GRANULARITY = 1 / 200
_wait.SLEEP_IDLE = _wait.SLEEP_GRANULARITY / 10
