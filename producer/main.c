/*
 * main.c - muster: the control plane's program.
 */
#include "cli.h"
#include "cores.h"
#include "log.h"

#include <locale.h>
#include <signal.h>

int main(int argc, char **argv)
{
    cores_off();
    setlocale(LC_ALL, "");
    setlocale(LC_NUMERIC, "C"); /* JSON has points */
    signal(SIGPIPE, SIG_DFL);
    log_setup(LOG_LEVEL_INFO, false);
    return cli_main(argc, argv);
}
