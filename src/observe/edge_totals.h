#pragma once

#include <map>
#include <vector>

#include "observe/openmetrics.h"

namespace fairlead::observe {

// The edge counts for each origin as long as it knows its address; a replica that is started again,
// or comes back with a rollback, is a new one under the same name, and old ones are forgotten some
// day. Here counters of one name become one that only grows: what each address has added since the
// last look is added. It begins at zero with each control.
class EdgeTotals {
 public:
  // Samples as name_edge_samples() leaves them, but for their label "address", which goes.
  std::vector<ScrapedSample> take(std::vector<ScrapedSample> samples);

 private:
  std::map<MetricName, double> last_;  // with the address
  std::map<MetricName, double> totals_;
  bool begun_ = false;
};

}  // namespace fairlead::observe
