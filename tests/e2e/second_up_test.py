"""Two `fairlead up` of the same app: the second says that the first runs, and disturbs it in nothing."""

from support.up import Up


def test_the_second_is_refused_with_the_pid_of_the_first(folder):
    with Up(folder) as first:
        second = Up(folder, until_ready=False)
        assert second.wait() == 1
        assert str(first.pid) in second.stderr()
        assert first.is_ready()
