/* The web console: its page is the edge's, and who may see it is said here. */
#include "keeper/keeper.h"
#include "keeper/op.h"

int page_home(struct call *c)
{
    if (c->actor.kind != CREDENTIAL_CONSOLE) {
        return call_problem(c, 403, NULL, "the console is for people; a token uses the API");
    }
    c->status = 204;
    return 0;
}
