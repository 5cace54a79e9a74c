/* filter.js, route.js, timeline.js, api.js: what is shown where. */
import assert from "node:assert/strict";
import test from "node:test";
import { nextOf } from "../../producer/web/api.js";
import { counted, grouped, noFilter } from "../../producer/web/filter.js";
import { hashOf, routeOf } from "../../producer/web/route.js";
import { begin, layout, summaryOf } from "../../producer/web/timeline.js";

const agents = new Map([
    ["h", { id: "h", name: "host-2" }],
    ["g", { id: "g", name: "host-10" }],
]);
const rows = [
    {
        id: "1",
        agent_id: "h",
        name: "zomboid-10",
        status: "running",
        shown_status: "unknown",
        image_tag: "41",
        drift: false,
    },
    { id: "2", agent_id: "h", name: "zomboid-9", status: "missing", image_tag: "42", drift: true },
    { id: "3", agent_id: "g", name: "minecraft", status: "purged", image_tag: "1", drift: false },
];
const servers = new Map(rows.map((row) => [row.id, row]));
const names = (filter) =>
    grouped(agents, servers, { ...noFilter, ...filter }).flatMap((group) =>
        group.servers.map(({ name }) => name),
    );

test("agents and servers come by name, numbers as numbers, without what was purged", () => {
    assert.deepEqual(
        grouped(agents, servers, noFilter).map(({ agent }) => agent.name),
        ["host-2", "host-10"],
    );
    assert.deepEqual(names({}), ["zomboid-9", "zomboid-10"]);
});

test("search takes all words, of any column, in any case", () => {
    assert.deepEqual(names({ text: "ZOMBOID 42" }), ["zomboid-9"]);
    assert.deepEqual(names({ text: "host-2" }), ["zomboid-9", "zomboid-10"]);
    assert.deepEqual(names({ text: "nothing" }), []);
});

test("statuses are those that are shown", () => {
    assert.deepEqual(names({ statuses: new Set(["unknown"]) }), ["zomboid-10"]);
    assert.deepEqual(names({ statuses: new Set(["running"]) }), []);
    assert.deepEqual(names({ statuses: new Set(["purged"]) }), ["minecraft"]);
    assert.deepEqual(names({ drift: true }), ["zomboid-9"]);
});

test("the counts do not depend on which statuses are chosen", () => {
    const counts = counted(agents, servers, { ...noFilter, statuses: new Set(["missing"]) });
    assert.deepEqual(Object.fromEntries(counts), { unknown: 1, missing: 1, purged: 1 });
});

test("every view has an address, and an odd one leads somewhere", () => {
    for (const route of [
        { view: "timeline" },
        { view: "servers", agentId: "a/b", serverId: "ü" },
    ]) {
        const { view, agentId, serverId } = routeOf(hashOf(route));
        assert.deepEqual(
            { view, agentId, serverId },
            { agentId: undefined, serverId: undefined, ...route },
        );
    }
    for (const hash of ["", "#", "#/nowhere", "#/servers/%E0%A4%A"])
        assert.equal(routeOf(hash).view, "servers");
});

test("where a list goes on", () => {
    assert.equal(nextOf('</servers?limit=2&after=x>; rel="next"'), "/servers?limit=2&after=x");
    assert.equal(nextOf("</servers?after=y>; rel=next"), "/servers?after=y");
    assert.equal(nextOf('</servers>; rel="prev"'), null);
    assert.equal(nextOf(null), null);
});

const HOUR = 3600e3;
const picture = (more) =>
    layout({
        since: 10 * HOUR,
        until: 12 * HOUR,
        most: 10,
        width: 1200,
        nameOf: (id) => servers.get(id)?.name ?? id,
        commands: [],
        spans: [
            { server_id: "1", status: "running", from_at: 0, until_at: 11 * HOUR },
            { server_id: "1", status: "missing", from_at: 11 * HOUR, until_at: null },
            { server_id: "2", status: "running", from_at: 9 * HOUR, until_at: null },
        ],
        ...more,
    });

test("spans lie where their times are, cut off at the edges", () => {
    const { lanes, left, width } = picture();
    const [running, missing] = lanes[0].spans;
    assert.equal(running.x, left);
    assert.ok(Math.abs(running.x + running.width - missing.x) < 1e-6);
    assert.ok(missing.x + missing.width < width);
    assert.ok(Math.abs(missing.width - running.width) < 1e-6);
});

test("what needs somebody comes first, and the sentence names it", () => {
    const plan = picture();
    assert.deepEqual(
        plan.lanes.map(({ name }) => name),
        ["zomboid-10", "zomboid-9"],
    );
    assert.match(summaryOf(plan), /^2 servers .*missing now: zomboid-10\.$/);
});

test("there are not more lanes than asked for, and it says how many are left", () => {
    const plan = picture({ most: 1 });
    assert.equal(plan.lanes.length, 1);
    assert.equal(plan.more, 1);
});

test("commands stand above their server, failed ones marked", () => {
    const command = {
        server_id: "2",
        action: "start",
        actor: "anna",
        issued_at: 11 * HOUR,
        finished_at: 11 * HOUR + 1,
        outcome: "failed",
        message: "",
    };
    const { ticks } = picture({
        commands: [command, { ...command, server_id: null }, { ...command, issued_at: HOUR }],
    }).lanes.find(({ id }) => id === "2");
    assert.equal(ticks.length, 1);
    assert.ok(ticks[0].trouble);
});

test("the axis has a handful of marks, for any range", () => {
    for (const range of [15 * 60e3, HOUR, 6 * HOUR, 24 * HOUR, 7 * 24 * HOUR]) {
        const { axis } = picture({ since: 12 * HOUR + 1, until: 12 * HOUR + 1 + range });
        assert.ok(axis.length >= 2 && axis.length <= 10, `${axis.length} marks`);
    }
});

test("the picture begins where something is known", () => {
    const spans = [{ from_at: 9 * HOUR }];
    assert.equal(begin([{ from_at: 0 }], [], 8 * HOUR, 10 * HOUR), 8 * HOUR);
    assert.ok(begin(spans, [], 8 * HOUR, 10 * HOUR) > 8 * HOUR);
    assert.ok(begin(spans, [], 8 * HOUR, 10 * HOUR) < 9 * HOUR);
    assert.ok(begin([], [], 8 * HOUR, 10 * HOUR) < 10 * HOUR);
});

test("a narrow picture has narrow names and fewer marks", () => {
    const narrow = picture({ width: 360 });
    assert.ok(narrow.left < picture().left);
    assert.ok(narrow.axis.length < picture().axis.length);
    assert.ok(narrow.lanes[0].spans.every((span) => span.x + span.width <= 360));
});
