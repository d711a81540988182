// Where the dashboard is served, as up and serve both do it.
#pragma once

#include <memory>
#include <string>

#include "cli/state.h"
#include "observe/dashboard.h"

namespace fairlead::cli {

struct OpenDashboard {
  std::unique_ptr<observe::Dashboard> server;  // null where it is turned off
  std::string url;
};

// On 127.0.0.1, or $FAIRLEAD_DASHBOARD_LISTEN; port $FAIRLEAD_DASHBOARD_PORT, else 9797 or, where
// another one has that, any; "off" serves none. $FAIRLEAD_DASHBOARD_HOSTS: names besides localhost,
// with commas. The token is in dashboard.token of the state folder.
Result<OpenDashboard> open_dashboard(io::Loop& loop, const StateFolders& folders,
                                     http::Handler api);

}  // namespace fairlead::cli
