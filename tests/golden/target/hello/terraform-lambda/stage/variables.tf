variable "name" {
  type = string
}

variable "region" {
  type = string
}

variable "image" {
  type = string
}

variable "table_key" {
  type = string
}

variable "alarm_actions" {
  type = list(string)
}

variable "careful" {
  type        = bool
  description = "Whether deletion needs a second thought."
}

variable "stage" {
  type = object({
    command   = list(string)
    memory    = number
    variables = map(string)
    rate      = number # requests a second, 0: no limit of our own
    burst     = number
    ttl       = number # seconds for which CloudFront keeps what says nothing about it
  })
}
