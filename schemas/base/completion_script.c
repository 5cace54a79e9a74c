/*
 * completion_script.c - what a shell runs to complete our words: it asks the program.
 *
 * PROGRAM stands for the program's name, NAME for the same in a function's name.
 */
#include "completion.h"

/* Readline parts words at "=" and ":" too, which the program does not: they are put together
 * again, and what readline keeps of the last one is taken off the candidates. */
static const char bash_script[] =
    "# bash completion for PROGRAM: what `PROGRAM __complete` says.\n"
    "_NAME_complete() {\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} candidate kept kind i\n"
    "    local -a words=()\n"
    "    for ((i = 1; i <= COMP_CWORD; i++)); do\n"
    "        if [[ ${#words[@]} -gt 0 &&\n"
    "            (${COMP_WORDS[i]} == [=:]* || ${COMP_WORDS[i - 1]} == *[=:]) ]]; then\n"
    "            words[-1]+=${COMP_WORDS[i]}\n"
    "        else\n"
    "            words+=(\"${COMP_WORDS[i]}\")\n"
    "        fi\n"
    "    done\n"
    "    [[ $current != [=:]* ]] || current=\n"
    "    kept=${words[-1]%\"$current\"}\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r candidate; do\n"
    "        case $candidate in\n"
    "        @files | @directories)\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            [[ $candidate == @files ]] && kind=-f || kind=-d\n"
    "            mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen $kind -- \"$current\")\n"
    "            ;;\n"
    "        *)\n"
    "            candidate=${candidate%%$'\\t'*}\n"
    "            COMPREPLY+=(\"${candidate#\"$kept\"}\")\n"
    "            ;;\n"
    "        esac\n"
    "    done < <(\"$1\" __complete \"${words[@]}\" 2>/dev/null)\n"
    "    [[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != */ ]] || compopt -o nospace 2>/dev/null\n"
    "}\n"
    "complete -F _NAME_complete PROGRAM\n";

static const char zsh_script[] =
    "#compdef PROGRAM\n"
    "# zsh completion for PROGRAM: what `PROGRAM __complete` says.\n"
    "_NAME() {\n"
    "    local candidate about files=\n"
    "    local -a whole begun\n"
    "    while IFS=$'\\t' read -r candidate about; do\n"
    "        case $candidate in\n"
    "        @files | @directories) files=$candidate ;;\n"
    "        */) begun+=(\"$candidate\") ;;\n"
    "        *) whole+=(\"${candidate//:/\\\\:}${about:+:$about}\") ;;\n"
    "        esac\n"
    "    done < <(\"${words[1]}\" __complete \"${(@)words[2,CURRENT-1]}\" \"$PREFIX\" 2>/dev/null)\n"
    "    (( ! $#begun )) || compadd -S '' -- \"${begun[@]}\"\n"
    "    (( ! $#whole )) || _describe -V 'PROGRAM' whole\n"
    "    [ -z \"$files\" ] || compset -P '-*='\n" /* --option=, which stays */
    "    case $files in\n"
    "    @files) _files ;;\n"
    "    @directories) _files -/ ;;\n"
    "    esac\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _NAME ]; then\n" /* autoloaded by compinit */
    "    _NAME \"$@\"\n"
    "else\n"
    "    compdef _NAME PROGRAM\n"
    "fi\n";

static const char fish_script[] =
    "# fish completion for PROGRAM: what `PROGRAM __complete` says.\n"
    "function __NAME_complete\n"
    "    set -l begun (commandline -ct)\n"
    "    set -l words (commandline -opc) $begun\n"
    "    set -l path (string replace -r '^-[^=]*=' '' -- $begun)\n"
    "    set -l before (string replace -r '^(-[^=]*=)?.*' '$1' -- $begun)\n"
    "    for line in ($words[1] __complete $words[2..-1] 2>/dev/null)\n"
    "        switch $line\n"
    "            case @files\n"
    "                string join \\n -- $before(__fish_complete_path $path)\n"
    "            case @directories\n"
    "                string join \\n -- $before(__fish_complete_directories $path)\n"
    "            case '*'\n"
    "                echo $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c PROGRAM -f -a '(__NAME_complete)'\n";

static const struct {
    const char *shell, *script;
} scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};

char *completion_script(const char *program, const char *shell, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(scripts); i++) {
        if (!g_str_equal(shell, scripts[i].shell))
            continue;
        g_autofree char *name = g_strdelimit(g_strdup(program), "-", '_');
        GString *script = g_string_new(scripts[i].script);
        g_string_replace(script, "PROGRAM", program, 0);
        g_string_replace(script, "NAME", name, 0);
        return g_string_free(script, false);
    }
    g_set_error(error, OPTIONS_ERROR, OPTIONS_ERROR_USAGE,
                "completion: '%s' is not bash, zsh or fish", shell);
    return NULL;
}
