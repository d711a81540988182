#pragma once

#include "edge/edge.h"
#include "http/router.h"

namespace fairlead::edge {

// The cache's part of the control socket. Of the parameters of /cache/purge exactly one says what:
//
//   POST /cache/purge?url=U|prefix=P|tag=T|environment=E|all=1[&soft=1]
//                       answers {"purged": n} when no loop serves them any more; `soft` makes them
//                       stale instead, to be served only while the origin is asked or fails
//   GET  /cache/stats   what is stored, and how often it helped
//   GET  /cache/inspect?url=U
//                       what is stored for a URL, or why nothing is
//
// A URL is what the client asked for: "https://shop.example.com/a?b".
void add_cache_routes(http::Router& router, Edge& edge);

}  // namespace fairlead::edge
