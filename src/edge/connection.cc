#include "edge/connection.h"

#include "edge/worker.h"

namespace fairlead::edge {

bool Connection::watch() {
  if (worker_.loop().watch(transport_.fd(), *this)) return true;
  close();
  return false;
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  cancel_timeout();
  if (transport_) {
    worker_.loop().unwatch(transport_.fd(), *this);
    transport_.close();
  }
  worker_.bury(this);
}

io::Transport Connection::release() {
  worker_.loop().unwatch(transport_.fd(), *this);
  io::Transport transport = std::move(transport_);
  transport_ = io::Transport();
  close();
  return transport;
}

void ClientSocket::end_of_life() {
  if (closed()) return;
  ClientEntry::unlink();
  const int number = fd();
  close();
  worker_.client_closed(number);
}

}  // namespace fairlead::edge
