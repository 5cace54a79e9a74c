/* remarks.js: what is said of a server beside its status. */
import assert from "node:assert/strict";
import test from "node:test";
import { marksOf, remarkNoticesOf } from "../../producer/web/remarks.js";

const server = (...remarks) => ({
    remarks: remarks.map(([word]) => word),
    remark_sentences: remarks.map(([, sentence]) => sentence),
});

test("s32: a loop, a kill for memory, a sick one and an early end are marked, and said why", () => {
    for (const word of ["restarting", "oom_killed", "unhealthy", "exited"]) {
        const one = server([word, "It is so."]);
        assert.deepEqual(
            marksOf(one).map(({ name, tone, about }) => [name, tone, about]),
            [[word, "bad", "It is so."]],
        );
        assert.deepEqual(remarkNoticesOf(one), [{ tone: "bad", about: "It is so." }]);
    }
});

test("what the page says elsewhere is not said twice", () => {
    const words = ["agent_offline", "not_healed", "healing", "last_failed"];
    const all = server(...words.map((word) => [word, "Said."]));
    assert.deepEqual(marksOf(all), []);
    assert.deepEqual(remarkNoticesOf(all), []);
});

test("several come in the order in which the control plane has them", () => {
    const all = server(["no_data", "Gone."], ["drift", "Changed."]);
    assert.deepEqual(
        marksOf(all).map(({ word }) => word),
        ["no data", "drift"],
    );
});

test("a remark of a newer control plane is shown as it came", () => {
    assert.deepEqual(marksOf(server(["half_asleep", "It dreams."])), [
        { name: "half_asleep", word: "half asleep", tone: "odd", about: "It dreams." },
    ]);
    assert.deepEqual(remarkNoticesOf(server(["half_asleep", "It dreams."])), [
        { tone: "odd", about: "It dreams." },
    ]);
});

test("an older control plane says nothing", () => {
    assert.deepEqual(marksOf({}), []);
    assert.deepEqual(remarkNoticesOf({}), []);
});
