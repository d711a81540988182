// The control API's routes for metrics, alerts and explanations; logs are control/routes.h's.
//
//   GET    /metrics                     all samples of the last round, as OpenMetrics
//   GET    /v1/metrics                  [{"name","series"}]
//   GET    /v1/metrics/query?name=      {"from","step","groups":[{"labels":{},"values":[]}]}; times
//   in
//          Unix seconds, null where there was no sample
//          &label=KEY:VALUE (repeated) &since= &until= (Unix seconds or RFC 3339) &step= (seconds)
//          &reduce=rate|increase|mean|min|max|last &across=sum|mean|min|max &by=KEY (repeated)
//          &quantile=0.99 (of a histogram)
//   GET    /v1/alerts                   {"alerts":[],"silences":[],"rules":[],"waiting":N}
//   POST   /v1/alerts/test              202; every target gets a notice
//   POST   /v1/alerts/silences          {"rule","labels":{},"seconds","comment"} → {"id"}
//   DELETE /v1/alerts/silences/{id}     204
//   GET    /v1/explain?request=ID       an Explanation; without request: of the last incident
//
// Answered to those whom control::may_ask() lets ask.
#pragma once

#include "http/router.h"
#include "observe/observatory.h"

namespace fairlead::observe {

// The observatory outlives the router and its handlers.
void add_observe_routes(http::Router& router, Observatory& observatory);

}  // namespace fairlead::observe
