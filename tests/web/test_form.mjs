/* form.js: what can be wrong with a record, and what is sent. */
import assert from "node:assert/strict";
import test from "node:test";
import { bodyOf, changeOf, freePorts, portsTaken, wrongOf } from "../../producer/web/form.js";

const PORTS = ["game_port", "udp_port", "rcon_port"];
const good = {
    name: "alpha",
    profile: "zomboid",
    game_port: "16261",
    udp_port: "16262",
    rcon_port: "27015",
    image: "",
    image_tag: "",
    server_data_path: "",
    on_missing: "agent",
};

const WRONG = [
    ["name", ""],
    ["name", "-a"],
    ["name", "a/b"],
    ["name", "a..b"],
    ["name", "x".repeat(101)],
    ["game_port", ""],
    ["game_port", "0"],
    ["game_port", "65536"],
    ["game_port", "1.5"],
    ["game_port", "port"],
    ["image", "reg:5000/Game"],
    ["image", "a b"],
    ["image", "reg/game@sha256:00"],
    ["image_tag", "sha256:00"],
    ["image_tag", "a b"],
    ["server_data_path", "relative"],
    ["server_data_path", "/srv/../etc"],
    ["server_data_path", "/srv//x"],
];
for (const [field, value] of WRONG)
    test(`${field} cannot be “${value.slice(0, 20)}”`, () =>
        assert.ok(wrongOf({ ...good, [field]: value }, PORTS, [])[field]));

test("what is right is not complained about", () => {
    assert.deepEqual(
        wrongOf(good, PORTS, [
            ["A", "1"],
            ["B", ""],
        ]),
        {},
    );
    assert.deepEqual(
        wrongOf(
            { ...good, image: "reg:5000/game", image_tag: "41.78", server_data_path: "/srv/x" },
            PORTS,
            [],
        ),
        {},
    );
});

test("two ports of a server differ", () => {
    assert.deepEqual(Object.keys(wrongOf({ ...good, udp_port: "16261" }, PORTS, [])), ["udp_port"]);
});

test("s36: one number for UDP and TCP is fine, and one that is inside only", () => {
    const same = { ...good, udp_port: "16261", rcon_port: "16261" };
    const published = { game_port: ["udp"], rcon_port: ["tcp"] };
    assert.deepEqual(wrongOf(same, ["game_port", "rcon_port"], [], published), {});
    assert.deepEqual(wrongOf(same, PORTS, [], { game_port: ["udp"] }), {});
    assert.deepEqual(
        Object.keys(wrongOf(same, PORTS, [], { ...published, rcon_port: ["udp"] })),
        ["rcon_port"],
    );
});

test("s36: an image by tag, by digest, by both", () => {
    const digest = `sha256:${"a".repeat(64)}`;
    for (const image_tag of ["41", digest, `41@${digest}`, `reg:5000/x:41@${digest}`])
        assert.deepEqual(wrongOf({ ...good, image_tag }, PORTS, []), {});
    for (const image of ["reg:5000/x", `x@${digest}`, "reg.example/x:41"])
        assert.deepEqual(wrongOf({ ...good, image }, PORTS, []), {});
});

test("a port that the profile does not use is not asked for, and not sent", () => {
    assert.deepEqual(wrongOf({ ...good, udp_port: "", rcon_port: "" }, ["game_port"], []), {});
    assert.deepEqual(bodyOf(good, ["game_port"], []), {
        name: "alpha",
        profile: "zomboid",
        game_port: 16261,
        on_missing: "agent",
    });
});

for (const [config, why] of [
    [[["", "x"]], "without a name"],
    [[["A B", "x"]], "with a space"],
    [
        [
            ["A", "1"],
            ["A", "2"],
        ],
        "twice",
    ],
])
    test(`a variable ${why} is wrong`, () => assert.ok(wrongOf(good, PORTS, config).config));

test("a change is what differs, and null takes a variable away", () => {
    const server = {
        ...good,
        game_port: 16261,
        udp_port: 16262,
        rcon_port: 27015,
        image: null,
        server_data_path: null,
        on_missing: null,
        image_tag: "41",
        config: { A: "1", B: "2" },
    };
    const values = { ...good, image_tag: "42", game_port: "16300" };
    assert.deepEqual(
        changeOf(
            values,
            PORTS,
            [
                ["A", "1"],
                ["C", "3"],
            ],
            server,
        ),
        { game_port: 16300, image_tag: "42", config: { B: null, C: "3" } },
    );
    assert.deepEqual(
        changeOf(
            { ...good, image_tag: "41" },
            PORTS,
            [
                ["A", "1"],
                ["B", "2"],
            ],
            server,
        ),
        {},
    );
});

const others = [
    {
        id: "b",
        agent_id: "h",
        name: "bravo",
        status: "running",
        game_port: 16261,
        udp_port: 16262,
        rcon_port: 27015,
    },
    {
        id: "c",
        agent_id: "other",
        name: "charlie",
        status: "running",
        game_port: 16263,
        udp_port: 16264,
        rcon_port: 27015,
    },
];

test("ports that another one on that host has are told of", () => {
    assert.deepEqual(portsTaken(good, PORTS, others, "h", "a"), {
        game_port: "bravo",
        udp_port: "bravo",
    });
    assert.deepEqual(portsTaken(good, PORTS, others, "h", "b"), {});
    assert.deepEqual(
        portsTaken({ ...good, game_port: "16263", udp_port: "1" }, PORTS, others, "h", "a"),
        {},
    );
});

test("s36: a port of another protocol is not taken", () => {
    const profiles = [
        { name: "tcp", published: { game_port: ["tcp"] } },
        { name: "zomboid", published: { game_port: ["udp"], udp_port: ["udp"] } },
    ];
    const mine = { ...good, profile: "tcp" };
    const theirs = others.map((server) => ({ ...server, profile: "zomboid" }));
    assert.deepEqual(portsTaken(mine, PORTS, theirs, "h", "a", profiles), {});
    assert.deepEqual(
        portsTaken({ ...mine, profile: "zomboid" }, PORTS, theirs, "h", "a", profiles),
        { game_port: "bravo", udp_port: "bravo" },
    );
});

test("free ports are offered", () => {
    assert.deepEqual(freePorts(PORTS, others, "h"), {
        game_port: "16263",
        udp_port: "16264",
        rcon_port: "27015",
    });
    assert.deepEqual(freePorts(["game_port"], [], "h"), { game_port: "16261" });
});
