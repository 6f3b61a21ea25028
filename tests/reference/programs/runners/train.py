from scaler import Scaler

import jubako as bentoml

bentoml.picklable_model.save("scaler", Scaler(3))
