#pragma once

#include "io/sync.h"

namespace fairlead::edge {

// Something that gathers what it has to send, and sends it at the end of the loop's iteration:
// Worker::flush_later(). Being destroyed takes it back.
class Flushed : public io::Link {
 public:
  virtual void flush() = 0;

 protected:
  ~Flushed() = default;
};

}  // namespace fairlead::edge
