#pragma once

#include "edge/timeout_list.h"
#include "io/loop.h"
#include "io/transport.h"

namespace fairlead::edge {

class Worker;

// A connected socket of a worker's loop, watched from its creation until close(). Made with new;
// close() hands the object to the worker, which frees it when nothing of it can be on the stack.
class Connection : public io::Watcher, public Timed {
 public:
  Connection(Worker& worker, io::Transport transport)
      : worker_(worker), transport_(std::move(transport)) {}
  Connection(const Connection&) = delete;
  virtual ~Connection() = default;

  // Starts watching. On failure the object is closed.
  bool watch();
  bool closed() const { return closed_; }
  int fd() const { return transport_.fd(); }

 protected:
  // Closes the socket now; no event or timeout follows. The object lives until the end of the
  // loop's iteration.
  void close();
  // Stops watching and gives the transport away, then closes.
  io::Transport release();

  Worker& worker_;
  io::Transport transport_;

 private:
  bool closed_ = false;
};

// Place of a client's connection among all of its worker.
struct ClientEntry : io::Link {};

// A connection that a client made, in whichever state: handshake, HTTP/1.1. The worker counts them
// and keeps a list.
class ClientSocket : public Connection, public ClientEntry {
 public:
  using Connection::Connection;
  // The worker drains: no request after the current one; an idle connection gets `grace` for a
  // request that is already on its way.
  virtual void drain(Duration grace) = 0;
  // Closes at once, cutting off what runs.
  virtual void cut_off() = 0;

 protected:
  // Leaves the worker's list and closes.
  void end_of_life();
};

}  // namespace fairlead::edge
