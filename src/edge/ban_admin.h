#pragma once

#include "edge/guard.h"
#include "http/router.h"

namespace fairlead::edge {

class BanKeeper;
class Edge;

// GET /bans; POST /bans?client=ADDRESS&seconds=N; DELETE /bans?client=ADDRESS. JSON. All of it must
// outlive the router.
void add_ban_routes(http::Router& router, Edge& edge, const BanKeeper& keeper);

}  // namespace fairlead::edge
