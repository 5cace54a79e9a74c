"""group_offsets - what a group has committed, with the metadata, and its end, which Debian's client cannot.

OffsetFetch (key 9, version 1) and DeleteGroups (key 42, version 0) by hand.  A broker that is not the
group's coordinator knows of none.
"""
import socket
import struct

NAME = b"chaos"
HEAD = struct.pack(">hhih", 9, 1, 1, len(NAME)) + NAME
FORGET = struct.pack(">hhih", 42, 0, 1, len(NAME)) + NAME
GONE = {0, 69}  # deleted; there is none


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


class Answer:
    def __init__(self, data):
        self.data, self.at = data, 4  # behind the correlation id

    def number(self, kind):
        (value,) = struct.unpack_from(">" + kind, self.data, self.at)
        self.at += struct.calcsize(">" + kind)
        return value

    def text(self):
        length = self.number("h")
        self.at += max(length, 0)
        return self.data[self.at - max(length, 0):self.at].decode()


def all_of(broker, length):
    data = broker.recv(length, socket.MSG_WAITALL)
    if len(data) < length:
        raise ConnectionError("the broker broke off its answer")
    return data


def ask(address, body):
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), 10) as broker:
        broker.sendall(struct.pack(">i", len(body)) + body)
        return Answer(all_of(broker, *struct.unpack(">i", all_of(broker, 4))))


def of_broker(address, group, topics):
    """{(topic, partition): (offset, metadata)}"""
    body = HEAD + text(group) + struct.pack(">i", len(topics))
    for topic, count in topics.items():
        body += text(topic) + struct.pack(f">i{count}i", count, *range(count))
    answer, found = ask(address, body), {}
    for _ in range(answer.number("i")):
        topic = answer.text()
        for _ in range(answer.number("i")):
            partition, offset, metadata, error = (answer.number("i"), answer.number("q"), answer.text(),
                                                  answer.number("h"))
            if not error and offset >= 0:
                found[topic, partition] = (offset, metadata)
    return found


def committed(bootstrap, group, topics):
    """`topics`: name → how many partitions."""
    found, answered = {}, False
    for address in bootstrap.split(","):
        try:
            of_one = of_broker(address, group, topics)
        except OSError:
            continue
        answered = True
        for place, value in of_one.items():
            found[place] = max(value, found.get(place, value))
    if not answered:
        raise OSError(f"no broker of {bootstrap} tells what {group} has committed")
    return found


def forget(bootstrap, group):
    """Deletes it; an OSError, if it could not be (it has members)."""
    codes = []
    for address in bootstrap.split(","):
        try:
            answer = ask(address, FORGET + struct.pack(">i", 1) + text(group))
        except OSError:
            continue
        _, _, _ = answer.number("i"), answer.number("i"), answer.text()  # throttled; how many groups; its name
        codes.append(answer.number("h"))
    if not GONE & set(codes):
        raise OSError(f"{group} is not deleted: {codes}")
