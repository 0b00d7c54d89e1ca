/* The gateway that runs. */
#ifndef ORTHRUS_GATEWAY_SERVE_H
#define ORTHRUS_GATEWAY_SERVE_H

/* The command "charon serve": argv[0] is its name; an exit code. */
int cmd_serve(int argc, char **argv);

#endif
