#pragma once

#include <string>
#include <vector>

#include "control/snapshot.h"
#include "edge/worker.h"

namespace fairlead::edge {

// Where the edge listens. Opens the sockets for all loops before a plan is handed out, so that a
// busy port refuses the snapshot and changes nothing.
class Listeners {
 public:
  struct Opened {
    control::ListenerSpec spec;
    io::Address address;  // the real one, after port 0
  };
  // Sockets for what `wanted` has and is not open yet: one list per loop. Nothing is listening
  // anew until commit().
  struct Change {
    std::vector<Opened> open;  // all that will be, in the order of `wanted`
    std::vector<std::vector<ListeningFd>> per_loop;
  };
  // kExists names the address that is in use.
  Result<Change> prepare(const std::vector<control::ListenerSpec>& wanted, std::size_t loops) const;
  void commit(std::vector<Opened> open) { open_ = std::move(open); }
  const std::vector<Opened>& open() const { return open_; }

 private:
  std::vector<Opened> open_;
};

}  // namespace fairlead::edge
