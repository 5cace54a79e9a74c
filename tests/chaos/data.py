"""data - what each server's game has written, as marks: files that must stay wherever they are.

In its data directory, and in each volume that its container has mounted.
"""
import contextlib
from pathlib import Path

MARK = "chaos.mark"


class Data:
    def __init__(self, world):
        self.world = world
        self.marks = {}  # (server id, place in its container) → the file
        self.fresh = set()  # servers that were told in this round to begin with new data

    def begin_round(self):
        self.fresh.clear()

    def tell_fresh(self, server):
        """Its volumes may be others from now on; its directory stays in any case."""
        self.fresh.add(server)
        for key in [key for key in self.marks if key[0] == server and key[1] != "data_dir"]:
            del self.marks[key]

    def mark(self, site, server, name):
        self.put(server, "data_dir", site.data_root / name / "data")

    def mark_volumes(self, site, container):
        server = site.server_of(container)
        for mount in container["mounts"] if server and server not in self.fresh else ():
            if mount["Type"] == "volume":
                self.put(server, mount["Destination"], Path(mount["Source"]))

    def put(self, server, what, place):
        if (server, what) not in self.marks and place.is_dir():
            with contextlib.suppress(OSError):
                (place / MARK).write_text(server)
                self.marks[server, what] = place / MARK

    def kept(self, servers):
        """(server id, what) → whether it is there still."""
        return {key: path.exists() for key, path in self.marks.items() if key[0] in servers}

    def volumes(self, servers):
        """(server id, place in its container) → the volume's directory."""
        return {key: str(path.parent) for key, path in self.marks.items()
                if key[0] in servers and key[1] != "data_dir"}
