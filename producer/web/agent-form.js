/*
 * agent-form.js - the dialog that makes a Docker host known.
 */
import { formDialog } from "./dialog.js";
import { h, setText } from "./dom.js";
import { field, text } from "./fields.js";

export function agentForm(app) {
    const fields = {
        name: field("Name", text({ autofocus: true })),
        steam_zomboid_registry: field(
            "Image repository",
            text({}),
            "Of its servers, such as registry:5000/steam-zomboid.",
        ),
        server_data_path: field(
            "Data path",
            text({}),
            "The directory on that host that holds the servers' data.",
        ),
    };
    const failure = h("p", { class: "notice bad", role: "alert", hidden: true });
    const form = h(
        "form",
        { novalidate: true, onsubmit: take },
        failure,
        Object.values(fields).map(({ element }) => element),
        h(
            "div",
            { class: "end" },
            h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
            h("button", { class: "first" }, "Add"),
        ),
    );
    const dialog = formDialog("Add an agent", form, null);

    function refuse(problem) {
        for (const [name, { wrong }] of Object.entries(fields))
            wrong(name === problem.field ? problem.message : "");
        failure.hidden = problem.field in fields;
        setText(failure, problem.message);
        fields[problem.field]?.input.focus();
    }

    async function take(event) {
        event.preventDefault();
        const given = Object.entries(fields).map(([name, { input }]) => [name, input.value.trim()]);
        try {
            const agent = await app.api.addAgent(
                Object.fromEntries(given.filter(([, value]) => value)),
            );
            dialog.close();
            app.tookAgent(agent);
            app.note(
                `${agent.name} is known. On that host: muster-worker --agent ${agent.id} …`,
                "good",
            );
        } catch (problem) {
            refuse(problem);
        }
    }
}
