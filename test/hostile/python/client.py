"""A vhost-user front end that shares no code with Ferry: written from the specification, standard library only.

    python3 client.py SOCKET PID

Drives the fs device that process PID serves at SOCKET, well-behaved at first and hostile afterwards. Prints a line for
each thing that held; ends with a traceback at the first that did not.
"""

import array
import fcntl
import mmap
import os
import select
import socket
import struct
import sys

DEADLINE = 10.0
VERSION, REPLY, NEED_REPLY = 1, 4, 8

GET_FEATURES, SET_FEATURES, SET_OWNER = 1, 2, 3
SET_MEM_TABLE, SET_LOG_BASE = 5, 6
SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE = 8, 9, 10, 11
SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR = 12, 13, 14
GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_QUEUE_NUM, SET_VRING_ENABLE = 15, 16, 17, 18
GET_CONFIG, GET_INFLIGHT_FD, SET_INFLIGHT_FD, RESET_DEVICE = 24, 31, 32, 34
GET_MAX_MEM_SLOTS, ADD_MEM_REG, REM_MEM_REG = 36, 37, 38
SET_DEVICE_STATE_FD, CHECK_DEVICE_STATE = 42, 43

F_PROTOCOL_FEATURES, F_VERSION_1 = 1 << 30, 1 << 32
P_MQ, P_LOG_SHMFD, P_REPLY_ACK, P_CONFIG = 1 << 0, 1 << 1, 1 << 3, 1 << 9
P_RESET_DEVICE, P_MEM_SLOTS, P_DEVICE_STATE = 1 << 13, 1 << 15, 1 << 19
WANTED = P_MQ | P_LOG_SHMFD | P_REPLY_ACK | P_CONFIG | P_RESET_DEVICE | P_MEM_SLOTS | P_DEVICE_STATE

MEMORY = 1 << 20
USER = 0x5000_0000_0000
RING = 1
SIZE = 16
DESCRIPTORS, AVAILABLE, USED = 0x0, 0x1000, 0x2000
REQUEST, ANSWER = 0x8000, 0x9000
NEXT, WRITE = 1, 2

FUSE_GETATTR, FUSE_INIT = 3, 26
TIMES = 1000


def u64(value):
    return struct.pack("<Q", value)


def state(index, number):
    return struct.pack("<II", index, number)


def region(guest, size, user, offset=0):
    return struct.pack("<QQQQQ", 0, guest, size, user, offset)


def addresses(index, base):
    return struct.pack("<IIQQQQ", index, 0, base + DESCRIPTORS, base + USED, base + AVAILABLE, 0)


class HungUp(Exception):
    pass


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.socket.settimeout(DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, request, payload=b"", fds=(), flags=VERSION | NEED_REPLY, size=None):
        header = struct.pack("<III", request, flags, len(payload) if size is None else size)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([header + payload], rights)

    def exactly(self, length):
        data = b""
        while len(data) < length:
            try:
                piece = self.socket.recv(length - len(data))
            except ConnectionResetError:
                raise HungUp from None
            if not piece:
                raise HungUp
            data += piece
        return data

    def reply(self, request):
        """The payload of the next message, which must answer `request`."""
        got, flags, size = struct.unpack("<III", self.exactly(12))
        assert (got, flags) == (request, VERSION | REPLY), f"message {got} with flags {flags:#x} for {request}"
        return self.exactly(size)

    def ask(self, request, payload=b"", fds=()):
        self.send(request, payload, fds)
        return self.reply(request)

    def number(self, request, payload=b"", fds=()):
        answer = self.ask(request, payload, fds)
        assert len(answer) == 8, f"{len(answer)} bytes answer request {request}"
        return struct.unpack("<Q", answer)[0]

    def tell(self, request, payload=b"", fds=()):
        assert self.number(request, payload, fds) == 0, f"request {request} was refused"

    def negotiate(self):
        offered = self.number(GET_FEATURES)
        assert offered & F_PROTOCOL_FEATURES and offered & F_VERSION_1, hex(offered)
        protocol = self.number(GET_PROTOCOL_FEATURES)
        assert protocol & WANTED == WANTED, hex(protocol)
        self.send(SET_PROTOCOL_FEATURES, u64(WANTED), flags=VERSION)
        # Whoever was here before may not have been seen to leave yet
        while self.number(SET_OWNER) != 0:
            pass
        self.tell(SET_FEATURES, u64(F_PROTOCOL_FEATURES | F_VERSION_1))
        return offered


class Guest:
    """Memory, and a split ring in it."""

    def __init__(self):
        self.fd = os.memfd_create("guest", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.fd, MEMORY)
        fcntl.fcntl(self.fd, 1033, 2)  # F_ADD_SEALS, F_SEAL_SHRINK
        self.memory = mmap.mmap(self.fd, MEMORY)
        self.kick, self.call = os.eventfd(0), os.eventfd(0)

    def start(self, connection, base=0):
        connection.tell(SET_VRING_NUM, state(RING, SIZE))
        connection.tell(SET_VRING_BASE, state(RING, base))
        connection.tell(SET_VRING_ADDR, addresses(RING, USER))
        connection.tell(SET_VRING_CALL, u64(RING), [self.call])
        connection.tell(SET_VRING_KICK, u64(RING), [self.kick])
        connection.tell(SET_VRING_ENABLE, state(RING, 1))

    def index(self, at):
        return struct.unpack_from("<H", self.memory, at + 2)[0]

    def request(self, opcode, node, body, room):
        """Send one FUSE request through the ring; the answer's error and what follows its header."""
        length = 40 + len(body)
        header = struct.pack("<IIQQIIIHH", length, opcode, 2, node, 0, 0, 1, 0, 0)
        self.memory[REQUEST : REQUEST + length] = header + body
        struct.pack_into("<QIHH", self.memory, DESCRIPTORS, REQUEST, length, NEXT, 1)
        struct.pack_into("<QIHH", self.memory, DESCRIPTORS + 16, ANSWER, 16 + room, WRITE, 0)
        available, used = self.index(AVAILABLE), self.index(USED)
        struct.pack_into("<H", self.memory, AVAILABLE + 4 + 2 * (available % SIZE), 0)
        struct.pack_into("<H", self.memory, AVAILABLE + 2, (available + 1) & 0xFFFF)
        os.eventfd_write(self.kick, 1)
        poll = select.poll()
        poll.register(self.call, select.POLLIN)
        while self.index(USED) == used:
            assert poll.poll(DEADLINE * 1000), "no call came"
            os.eventfd_read(self.call)
        head, written = struct.unpack_from("<II", self.memory, USED + 4 + 8 * (used % SIZE))
        answered, error, unique = struct.unpack_from("<IiQ", self.memory, ANSWER)
        assert (head, unique) == (0, 2) and written == answered <= 16 + room
        return error, self.memory[ANSWER + 16 : ANSWER + answered]

    def init(self):
        error, body = self.request(FUSE_INIT, 0, struct.pack("<IIIII11I", 7, 38, 65536, 0, 0, *[0] * 11), 64)
        assert error == 0 and struct.unpack_from("<I", body)[0] == 7

    def root(self):
        """GETATTR of the root: its mode."""
        error, body = self.request(FUSE_GETATTR, 1, bytes(16), 104)
        assert error == 0, error
        return struct.unpack_from("<I", body, 16 + 60)[0]


def save(connection):
    ours, theirs = os.pipe()
    assert connection.number(SET_DEVICE_STATE_FD, struct.pack("<II", 0, 0), [theirs]) == 0x100
    os.close(theirs)
    with os.fdopen(ours, "rb") as stream:
        data = stream.read()
    connection.tell(CHECK_DEVICE_STATE)
    return data


def load(connection, data):
    """What CHECK_DEVICE_STATE says of `data`."""
    theirs, ours = os.pipe()
    assert connection.number(SET_DEVICE_STATE_FD, struct.pack("<II", 1, 0), [theirs]) == 0x100
    os.close(theirs)
    with os.fdopen(ours, "wb") as stream:
        stream.write(data)
    return connection.number(CHECK_DEVICE_STATE)


def well_behaved(path, guest):
    with Connection(path) as connection:
        connection.negotiate()
        assert connection.number(GET_QUEUE_NUM) == 2
        assert connection.number(GET_MAX_MEM_SLOTS) >= 8
        yield "negotiation"
        config = connection.ask(GET_CONFIG, struct.pack("<III", 0, 40, 0) + bytes(40))
        assert config[12:18] == b"python", config
        yield "configuration"
        table = struct.pack("<II", 1, 0) + region(0, MEMORY, USER)[8:]
        connection.tell(SET_MEM_TABLE, table, [guest.fd])
        connection.tell(SET_MEM_TABLE, struct.pack("<II", 0, 0))
        connection.tell(ADD_MEM_REG, region(0, MEMORY, USER), [guest.fd])
        yield "memory"
        guest.start(connection)
        guest.init()
        assert guest.root() & 0o170000 == 0o040000
        yield "requests through a split ring"
        index, base = struct.unpack("<II", connection.ask(GET_VRING_BASE, state(RING, 0)))
        assert (index, base) == (RING, 2)
        saved = save(connection)
        assert len(saved) > 0
        yield "state saved"
        guest.start(connection, base)
        assert guest.root() & 0o170000 == 0o040000
        yield "going on after a save"
        base = struct.unpack("<II", connection.ask(GET_VRING_BASE, state(RING, 0)))[1]
    with Connection(path) as connection:
        # As the destination of a migration does: the state comes before any feature or ring
        connection.send(SET_PROTOCOL_FEATURES, u64(WANTED), flags=VERSION)
        while connection.number(SET_OWNER) != 0:
            pass
        for length in (0, 1, len(saved) // 2, len(saved) - 1):
            assert load(connection, saved[:length]) != 0, f"{length} bytes of {len(saved)} were taken"
        assert load(connection, saved + b"\0") != 0
        yield "damaged states refused"
        assert load(connection, saved) == 0
        connection.tell(SET_FEATURES, u64(F_PROTOCOL_FEATURES | F_VERSION_1))
        connection.tell(ADD_MEM_REG, region(0, MEMORY, USER), [guest.fd])
        guest.start(connection, base)
        # No INIT: the session is part of the state
        assert guest.root() & 0o170000 == 0o040000
        yield "state loaded"


def refused(fds):
    """Name, request, payload, descriptors, and what answers."""
    event, memory, reading, writing = fds
    none = ()
    one, empty, channel = u64(1), b"", u64(0x101)
    return [
        ("a request that does not exist", 77, bytes(8), [event], one),
        ("features that were not offered", SET_FEATURES, u64(2**64 - 1), none, one),
        ("ring 99", SET_VRING_NUM, state(99, 16), none, one),
        ("ring 0x10000", SET_VRING_NUM, state(0x10000, 16), none, one),
        ("a ring of no entries", SET_VRING_NUM, state(0, 0), none, one),
        ("a ring of 65536 entries", SET_VRING_NUM, state(0, 65536), none, one),
        ("a size with descriptors", SET_VRING_NUM, state(0, 16), [event, memory, event], one),
        ("enabled with 2", SET_VRING_ENABLE, state(0, 2), none, one),
        ("the base of ring 99", GET_VRING_BASE, state(99, 0), none, empty),
        ("three kicks", SET_VRING_KICK, u64(0), [event] * 3, one),
        ("no kick", SET_VRING_KICK, u64(0), none, one),
        ("a kick that is memory", SET_VRING_KICK, u64(0), [memory], one),
        ("a call that is a pipe", SET_VRING_CALL, u64(0), [writing], one),
        ("ring addresses in no memory", SET_VRING_ADDR, addresses(0, 0x1000), none, one),
        ("a table of 9", SET_MEM_TABLE, struct.pack("<II", 9, 0) + bytes(256), [memory] * 8, one),
        ("a table without its descriptor", SET_MEM_TABLE, struct.pack("<II", 1, 0) + bytes(32), none, one),
        ("a region beyond its file", ADD_MEM_REG, region(0, MEMORY + 1, USER), [memory], one),
        ("a region that wraps", ADD_MEM_REG, region(2**64 - 4096, 8192, USER), [memory], one),
        ("removal of what is not there", REM_MEM_REG, region(0, 4096, USER), [memory], one),
        ("a log of no bytes", SET_LOG_BASE, struct.pack("<QQ", 0, 0), [memory], one),
        ("a log that wraps", SET_LOG_BASE, struct.pack("<QQ", 16, 2**64 - 8), [memory], one),
        ("300 bytes of configuration", GET_CONFIG, struct.pack("<III", 0, 300, 0) + bytes(300), none, empty),
        ("an inflight region", GET_INFLIGHT_FD, bytes(24), [memory], empty),
        ("somebody's inflight region", SET_INFLIGHT_FD, bytes(24), [memory] * 3, one),
        ("a state without a channel", SET_DEVICE_STATE_FD, state(0, 0), none, channel),
        ("a state in direction 2", SET_DEVICE_STATE_FD, state(2, 0), [writing], channel),
        ("a state in phase 1", SET_DEVICE_STATE_FD, state(0, 1), [writing], channel),
        ("a state into the wrong end", SET_DEVICE_STATE_FD, state(0, 0), [reading], channel),
        ("a check of nothing", CHECK_DEVICE_STATE, b"", none, one),
        ("reserved flags", SET_OWNER, None, none, one),
    ]


def hostile(path, pid, guest):
    reading, writing = os.pipe()
    fds = (guest.kick, guest.fd, reading, writing)

    def held():
        with Connection(path) as connection:
            connection.negotiate()
            with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps:
                shared = sum(line.split()[1].endswith("s") for line in maps)
            return len(os.listdir(f"/proc/{pid}/fd")), shared

    for name, request, payload, passed, expected in refused(fds):
        before = held()
        with Connection(path) as connection:
            offered = connection.negotiate()
            for _ in range(TIMES):
                if payload is None:
                    connection.send(request, flags=0x100 | VERSION | NEED_REPLY)
                else:
                    connection.send(request, payload, passed)
                answer = connection.reply(request)
                assert answer == expected, f"{name}: {answer!r}"
            assert connection.number(GET_FEATURES) == offered
        assert held() == before, f"{name}: {held()} is held, {before} before"
        yield f"{name}, refused"
    for name, arguments in [
        ("version 2", {"flags": 2}),
        ("4 GiB announced", {"size": 0xFFFF_FFFF}),
        ("5000 bytes announced", {"size": 5000}),
    ]:
        before = held()
        for _ in range(TIMES):
            with Connection(path) as connection:
                connection.send(GET_FEATURES, b"", [guest.fd, guest.kick], **arguments)
                try:
                    connection.reply(GET_FEATURES)
                    raise AssertionError(f"{name} was answered")
                except HungUp:
                    pass
        assert held() == before, f"{name}: {held()} is held, {before} before"
        yield f"{name}, and the connection is closed"
    before = held()
    for _ in range(TIMES):
        with Connection(path) as connection:
            connection.number(GET_FEATURES)
            connection.socket.sendall(struct.pack("<I", GET_FEATURES))
    assert held() == before
    yield "the end within a header"


def main():
    path, pid = sys.argv[1], int(sys.argv[2])
    guest = Guest()
    for part in (well_behaved(path, guest), hostile(path, pid, guest)):
        for name in part:
            print(f"ok {name}", flush=True)
    print("done", flush=True)


if __name__ == "__main__":
    main()
