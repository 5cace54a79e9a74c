"""scripted_host - a host whose engine does what a test tells it."""
from host import Host
from scripted_engine import ScriptedEngine

IMAGE = "registry.test/game:1"


class ScriptedHost(Host):
    """`api`: what the engine says of its versions."""

    def __init__(self, directory, kafka, partitions=1, **api):
        self.scripted = ScriptedEngine(directory / "docker.sock", images=[IMAGE], **api).start()
        super().__init__(directory, kafka, self.scripted.path, IMAGE, "registry.test/", partitions=partitions)

    def close(self):
        self.scripted.clear_script()
        self.scripted.release()
        try:
            super().close()
        finally:
            self.scripted.stop()

    def asked(self, server, what):
        """Requests about this server's container, by id or name."""
        found = self.scripted.containers().get(server.container)
        names = [server.container] + ([found["Id"]] if found else [])
        return [r for r in self.scripted.requests(path=what) if any(name in r["path"] for name in names)]

    def id_of(self, server):
        return self.scripted.containers()[server.container]["Id"]

    def status_of(self, server):
        found = self.scripted.containers().get(server.container)
        return found["State"]["Status"] if found else "absent"
