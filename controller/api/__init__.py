"""The API of a line: a process beside its controllers, which people and programs talk to.

`mirror` is the image of all controllers, `links` keeps it fed, `app` puts HTTP in front. A
controller never waits for this process and does not notice when it is gone.
"""
