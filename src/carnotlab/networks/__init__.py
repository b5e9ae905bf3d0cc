"""One description of a network, read as a finite net, as a linear map, as an infinite net."""
