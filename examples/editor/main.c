// SPDX-License-Identifier: Apache-2.0
//
// A line editor whose commands may be plugins: editor [--plugins FOLDER] [--script SCRIPT] [FILE]
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "examples/editor/editor.h"

enum { EXIT_COMMAND_FAILED = 1, EXIT_USAGE = 2 };

struct options {
    const char *plugins;
    const char *script;
    const char *file;
};

static bool parse_options(int count, char **arguments, struct options *options)
{
    static const struct option names[] = {
        {"plugins", required_argument, NULL, 'p'},
        {"script", required_argument, NULL, 's'},
        {NULL, 0, NULL, 0},
    };
    int option;

    *options = (struct options){.file = NULL};
    while ((option = getopt_long(count, arguments, "", names, NULL)) != -1) {
        if (option == 'p')
            options->plugins = optarg;
        else if (option == 's')
            options->script = optarg;
        else
            return false;
    }
    if (optind < count)
        options->file = arguments[optind++];
    return optind == count;
}

static sigset_t interrupts(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    return signals;
}

// A thread of its own: what pnf_cancel does is nothing for a signal's handler.
static void *wait_for_interrupts(void *editor)
{
    sigset_t signals = interrupts();
    int number;

    while (sigwait(&signals, &number) == 0)
        plugins_cancel(&((struct editor *)editor)->plugins);
    return NULL;
}

static bool open_input(struct editor *editor, const char *script)
{
    if (!script) {
        editor->input = stdin;
        editor->input_name = isatty(STDIN_FILENO) ? NULL : "stdin";
        return true;
    }
    editor->input = fopen(script, "re");
    editor->input_name = script;
    if (!editor->input)
        fprintf(stderr, "editor: %s: %s\n", script, strerror(errno));
    return editor->input;
}

// At a terminal Ctrl-C ends what a plugin is doing, and neither the editor nor its document. The
// signal is blocked before there is any thread, the library's own ones included.
static bool open_plugins(struct editor *editor, const char *folder)
{
    bool at_terminal = !editor->input_name;
    sigset_t signals = interrupts();
    pthread_t thread;

    if (at_terminal)
        pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (!plugins_open(&editor->plugins, folder) || !functions_offer(editor)) {
        fprintf(stderr, "editor: %s\n", pnf_error_text());
        return false;
    }
    if (!at_terminal)
        return true;
    return pthread_create(&thread, NULL, wait_for_interrupts, editor) == 0 &&
           pthread_detach(thread) == 0;
}

int main(int count, char **arguments)
{
    static struct editor editor; // for as long as the thread may look at it
    struct options options;
    bool is_open;

    if (!parse_options(count, arguments, &options)) {
        fputs("usage: editor [--plugins FOLDER] [--script SCRIPT] [FILE]\n", stderr);
        return EXIT_USAGE;
    }
    if (!open_input(&editor, options.script))
        return EXIT_USAGE;
    is_open = open_plugins(&editor, options.plugins) && editor_open(&editor, options.file);
    if (is_open)
        editor_run(&editor);
    editor_finish(&editor);
    plugins_close(&editor.plugins);
    if (options.script)
        fclose(editor.input);
    if (!is_open)
        return EXIT_USAGE;
    return editor.has_failed ? EXIT_COMMAND_FAILED : 0;
}
