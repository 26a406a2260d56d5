"""The signals of a test run, as a terminal gives them: a runner may have started it with some of them ignored."""

import signal

# A shell starts a job in the background with SIGINT and SIGQUIT ignored, and nohup with SIGHUP. Each child inherits
# that, and `trap` in sh cannot undo it (POSIX, Shell Command Language, 2.14 trap).
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
