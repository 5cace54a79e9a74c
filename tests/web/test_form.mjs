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

test("free ports are offered", () => {
    assert.deepEqual(freePorts(PORTS, others, "h"), {
        game_port: "16263",
        udp_port: "16264",
        rcon_port: "27015",
    });
    assert.deepEqual(freePorts(["game_port"], [], "h"), { game_port: "16261" });
});
