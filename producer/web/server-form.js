/*
 * server-form.js - the dialogs that make a server, change its record, and adopt a container.
 *
 * One form: its fields are the record's, its ports those that the chosen profile uses.
 */
import { formDialog } from "./dialog.js";
import { h, setText } from "./dom.js";
import { field, number, pairs, select, text } from "./fields.js";
import { bodyOf, changeOf, freePorts, portsTaken, PORTS, wrongOf } from "./form.js";

const PORT_LABELS = { game_port: "Game port", udp_port: "Second UDP port", rcon_port: "RCON port" };

function onMissingField(value) {
    return field(
        "When it turns missing",
        select([
            ["agent", "as its agent has it", !value],
            ["show", "show it", value === "show"],
            ["start", "start it again, with its data", value === "start"],
        ]),
    );
}

function profileField(profiles, value) {
    const options = profiles.map(({ name, about }) => [
        name,
        about ? `${name}: ${about}` : name,
        name === value,
    ]);
    return field("Game", select(options), null, { class: "field all" });
}

/* The fields of a record, filled from `server` (or {}); `whose` is used where one is empty. */
function recordFields(state, server, whose) {
    const fields = {
        profile: profileField(state.profiles, server.profile ?? "zomboid"),
        image_tag: field("Image tag or digest", text({ value: server.image_tag ?? "" }), ""),
        image: field(
            "Image",
            text({ value: server.image ?? "" }),
            `Empty: the ${whose}'s.`,
        ),
        server_data_path: field(
            "Data path on the host",
            text({ value: server.server_data_path ?? "" }),
            "Empty: the agent's.",
        ),
        on_missing: onMissingField(server.on_missing),
    };
    for (const port of PORTS)
        fields[port] = field(PORT_LABELS[port], number({ value: server[port] || "" }));
    return fields;
}

const ORDER = [
    "agent_id",
    "name",
    "profile",
    "game_port",
    "udp_port",
    "rcon_port",
    "image",
    "image_tag",
    "server_data_path",
    "on_missing",
];

/*
 * Opens the form.  `own`: what it has beside a record's fields; `submit(values, ports, config)`
 * sends, and throws a Problem for what was refused.
 */
function openForm(what) {
    const { app, title, yes, server, own = {}, agentOf, suggest, submit, lead, adopts } = what;
    const state = app.state();
    const fields = { ...own, ...recordFields(state, server, adopts ? "container" : "agent") };
    const config = pairs(
        Object.entries(server.config ?? {}),
        "Environment of the container. Values are secret: they stand in no event and no log.",
    );
    const failure = h("p", { class: "notice bad", role: "alert", hidden: true });
    const send = h("button", { class: "first", value: "yes" }, yes);
    const cancel = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
    const order = ORDER.filter((name) => fields[name]).map((name) => fields[name].element);
    const form = h(
        "form",
        { novalidate: true, onsubmit: take, oninput: () => advise() },
        lead ?? null,
        failure,
        h("div", { class: "fields" }, order, config.element),
        h("div", { class: "end" }, cancel, send),
    );

    const profile = () => state.profiles.find(({ name }) => name === fields.profile.input.value);
    const ports = () => profile()?.ports ?? PORTS;
    const published = () => profile()?.published;
    /* What the container publishes need not be said. */
    const asked = () =>
        adopts
            ? ports().filter((port) => values()[port] || !published()?.[port])
            : ports();
    const values = () =>
        Object.fromEntries(
            Object.entries(fields)
                .filter(([name]) => name !== "agent_id")
                .map(([name, { input }]) => [name, input.value.trim()]),
        );

    function takeProfile() {
        const used = ports();
        for (const port of PORTS) fields[port].element.hidden = !used.includes(port);
        const tag = adopts ? "the container's" : profile()?.image_tag;
        fields.image_tag.hint(tag ? `Empty: ${tag}.` : "");
        if (!adopts) fields.image.hint(`Empty: ${profile()?.image || "the agent's"}.`);
        if (suggest)
            for (const [port, value] of Object.entries(
                freePorts(used, [...state.servers.values()], agentOf(fields), published()),
            ))
                fields[port].input.value = value;
    }

    const hintOf = (port) => {
        const protocols = published()?.[port];
        return protocols
            ? `${adopts ? "Empty: the container's. " : ""}Given away by the host, ${protocols.join(" and ").toUpperCase()}.`
            : "Inside the container only.";
    };

    function advise() {
        const taken = portsTaken(
            values(),
            ports(),
            [...state.servers.values()],
            agentOf(fields),
            server.id,
            state.profiles,
        );
        for (const port of PORTS)
            fields[port].hint(
                taken[port]
                    ? `${taken[port]} has this port, too: only one of them can run.`
                    : hintOf(port),
            );
    }

    /* Shows what is wrong at its field; focus goes to the first. */
    function tell(wrong) {
        for (const [name, { wrong: show }] of Object.entries({ ...fields, config }))
            show(wrong[name] ?? "");
        const first = ORDER.find((name) => wrong[name] && fields[name]);
        (first
            ? fields[first].input
            : wrong.config
              ? config.element.querySelector("input, button")
              : null
        )?.focus();
    }

    function refuse(problem) {
        const name = problem.field?.split(/[.[]/)[0];
        const known = name && (fields[name] || name === "config");
        failure.hidden = Boolean(known);
        setText(failure, known ? "" : problem.message);
        tell(known ? { [name]: problem.message } : {});
    }

    async function take(event) {
        event.preventDefault();
        const wrong = wrongOf(values(), asked(), config.values(), published());
        tell(wrong);
        failure.hidden = true;
        if (Object.keys(wrong).length || send.disabled) return;
        send.disabled = true;
        try {
            await submit(values(), asked(), config.values(), fields);
            dialog.close();
        } catch (problem) {
            refuse(problem);
        } finally {
            send.disabled = false;
        }
    }

    fields.profile.input.addEventListener("change", takeProfile);
    own.agent_id?.input.addEventListener("change", takeProfile);
    takeProfile();
    const dialog = formDialog(title, form);
}

export function createForm(app, agentId) {
    const agents = [...app.state().agents.values()];
    const own = {
        agent_id: field("Agent", select(agents.map(({ id, name }) => [id, name, id === agentId]))),
        name: field(
            "Name",
            text({ autofocus: true, required: true }),
            "Also part of the container's name.",
        ),
    };
    openForm({
        app,
        own,
        title: "Create a server",
        yes: "Create",
        server: {},
        suggest: true,
        agentOf: (fields) => fields.agent_id.input.value,
        submit: async (values, ports, config, fields) => {
            const queued = await app.api.create(
                fields.agent_id.input.value,
                bodyOf(values, ports, config),
            );
            app.queued(queued, `${values.name}: asked to be created.`);
        },
    });
}

export async function editForm(app, row) {
    const server = await app.api.server(row);
    openForm({
        app,
        title: `Change ${server.name}`,
        yes: "Save",
        server,
        agentOf: () => server.agent_id,
        lead: h(
            "p",
            { class: "soft" },
            "The record is changed, not the container. Until a rebuild it shows drift.",
        ),
        submit: async (values, ports, config) => {
            const change = changeOf(values, ports, config, server);
            if (!Object.keys(change).length) return;
            app.took(await app.api.change(server, change));
            app.note(`${server.name}: the record is changed.`, "good");
        },
    });
}

export function adoptForm(app, found) {
    openForm({
        app,
        title: `Adopt ${found.name}`,
        yes: "Adopt",
        server: {},
        adopts: true,
        agentOf: () => found.agent_id,
        lead: h(
            "p",
            { class: "soft" },
            "The container goes on as it is and becomes a server's own. What stands here describes it for the next rebuild; what is left empty is taken from the container.",
        ),
        submit: async (values, ports, config) => {
            const body = { ...bodyOf(values, ports, config), container: found.container_id };
            const answer = await app.api.adopt(found.agent_id, body);
            const differs = (answer.differences ?? []).map((sentence) => ` ${sentence}.`);
            app.queued(answer, `${found.name}: adopted.${differs.join("")}`);
        },
    });
}
